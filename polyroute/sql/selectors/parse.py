"""From MongoDB-style JSON to a selector tree, checked on the way.

The language is CouchDB's Mango: `{"year": {"$gte": 2000}, "name.first": "Ann"}`. A plain value means equality,
several members mean all of them, an object below a field means its subfields. Whatever does not fit raises
QUERY_INVALID naming the operator, the field it stands at and the nearest operator that exists; values are never
told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from polyroute.errors import QueryError, invalid, unknown_name
from polyroute.sql.selectors.collation import TYPE_NAMES
from polyroute.sql.selectors.paths import parse_path
from polyroute.sql.selectors.patterns import compile_pattern
from polyroute.sql.selectors.place import Place, checked_text, is_integer, json_value, kind_of, wrong_argument
from polyroute.sql.selectors.tree import (
    EVERYTHING,
    All,
    AllMatch,
    And,
    BeginsWith,
    Compare,
    ElemMatch,
    Exists,
    Field,
    In,
    Json,
    KeyMapMatch,
    Mod,
    Node,
    Nor,
    Not,
    NotIn,
    Or,
    Regex,
    Size,
    Test,
    TypeIs,
)

MAX_TEXT_CHARS = 1_000_000

_NOT_OFFERED = {
    "$text": "there is no text index here; use $regex or $beginsWith, or vector_search for likeness in meaning",
    "$where": "conditions in JavaScript are not run; say it with operators",
    "$expr": "two fields cannot be compared by a selector; ask in SQL",
    "$options": 'put the flags into the pattern, as in {"$regex": "(?i)new"}',
    "$near": "there is no geographic index here; compare the coordinates with $gte and $lte",
    "$geoWithin": "there is no geographic index here; compare the coordinates with $gte and $lte",
}


def parse_selector(selector: Mapping[str, object] | str | None) -> Node:
    """Build the tree of a selector, given as a mapping or as JSON text; None and `{}` match every document.

    Raises QUERY_INVALID, saying at which field, for an unknown operator, an argument of the wrong type, a malformed
    field name, a value that is not JSON, nesting deeper than 100 and a `$regex` that is malformed, too long or
    dangerous.

    >>> parse_selector({"year": {"$gte": 2000}})
    Field(path=('year',), test=Compare(operator='$gte', value=2000))
    """
    if selector is None:
        return EVERYTHING
    if isinstance(selector, str):
        selector = _from_text(selector)
    if not isinstance(selector, Mapping):
        raise invalid(
            f"a selector is a JSON object, not {kind_of(selector)}", hint='write for instance {"year": {"$gte": 2000}}'
        )
    return _condition(selector, Place())


def _from_text(text: str) -> Mapping[str, object]:
    if len(text) > MAX_TEXT_CHARS:
        raise invalid(
            f"a selector of {len(text)} characters is too long", hint=f"at most {MAX_TEXT_CHARS} characters are allowed"
        )
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as exc:
        raise invalid(
            f"the selector is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}",
            hint="names and strings stand in double quotes",
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise invalid("the selector is nested too deep or holds too long a number") from exc
    return parsed  # type: ignore[no-any-return]


def _condition(value: object, place: Place) -> Node:
    """Read what is asked of one place: an object of operators and subfields, or a plain value that it must equal."""
    if not isinstance(value, Mapping):
        if not place.path and not place.inside:
            raise invalid(f"a condition {place} is a JSON object, not {kind_of(value)}")
        return Field(place.path, Compare("$eq", json_value(value, place)))
    if not value:
        return EVERYTHING if not place.path and not place.inside else Field(place.path, Compare("$eq", {}))
    parts = [_member(name, argument, place.deeper()) for name, argument in value.items()]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _member(name: object, argument: object, place: Place) -> Node:
    if not isinstance(name, str):
        raise invalid(f"a field name {place} is {kind_of(name)}, not a string")
    if not name.startswith("$"):
        return _condition(argument, replace(place, path=place.path + parse_path(checked_text(name, place))))
    combine = _COMBINATIONS.get(name)
    if combine is not None:
        return combine(argument, place)
    test = _TESTS.get(name)
    if test is None:
        raise _unknown_operator(name, place)
    if not place.path and not place.inside:
        raise invalid(f"{name} stands {place}, where it needs a field", hint=f'write {{"field": {{"{name}": ...}}}}')
    return Field(place.path, test(name, argument, place))


def _unknown_operator(name: str, place: Place) -> QueryError:
    if name in _NOT_OFFERED:
        return invalid(f"{name} {place} is not offered", hint=_NOT_OFFERED[name])
    return unknown_name("selector operator", name, OPERATORS)


def _many(operator: str, argument: object, place: Place) -> tuple[Node, ...]:
    if not isinstance(argument, list | tuple):
        raise wrong_argument(operator, place, "an array of selectors")
    return tuple(_condition(item, place) for item in argument)


def _and(argument: object, place: Place) -> Node:
    return And(_many("$and", argument, place))


def _or(argument: object, place: Place) -> Node:
    # CouchDB lets an empty $or match everything.
    parts = _many("$or", argument, place)
    return Or(parts) if parts else EVERYTHING


def _nor(argument: object, place: Place) -> Node:
    return Nor(_many("$nor", argument, place))


def _not(argument: object, place: Place) -> Node:
    if not isinstance(argument, Mapping):
        raise wrong_argument("$not", place, "a selector")
    return Not(_condition(argument, place))


def _compare(operator: str, argument: object, place: Place) -> Test:
    return Compare(operator, json_value(argument, place))


def _values(operator: str, argument: object, place: Place) -> tuple[Json, ...]:
    if not isinstance(argument, list | tuple):
        raise wrong_argument(operator, place, "an array of values")
    return tuple(json_value(item, place) for item in argument)


def _in(operator: str, argument: object, place: Place) -> Test:
    return In(_values(operator, argument, place))


def _not_in(operator: str, argument: object, place: Place) -> Test:
    return NotIn(_values(operator, argument, place))


def _all(operator: str, argument: object, place: Place) -> Test:
    return All(_values(operator, argument, place))


def _exists(operator: str, argument: object, place: Place) -> Test:
    if not isinstance(argument, bool):
        raise wrong_argument(operator, place, "true or false")
    return Exists(argument)


def _type(operator: str, argument: object, place: Place) -> Test:
    if not isinstance(argument, str):
        raise wrong_argument(operator, place, f"the name of a type: {', '.join(TYPE_NAMES)}")
    if argument not in TYPE_NAMES:
        raise unknown_name("JSON type", argument, TYPE_NAMES)
    return TypeIs(argument)


def _size(operator: str, argument: object, place: Place) -> Test:
    if not is_integer(argument) or argument < 0:  # type: ignore[operator]
        raise wrong_argument(operator, place, "a whole number that is not negative")
    return Size(argument)  # type: ignore[arg-type]


def _mod(operator: str, argument: object, place: Place) -> Test:
    wrong = wrong_argument(operator, place, "[divisor, remainder], two whole numbers, the divisor not zero")
    if not isinstance(argument, list | tuple) or len(argument) != 2:
        raise wrong
    divisor, remainder = argument
    if not is_integer(divisor) or not is_integer(remainder) or divisor == 0:
        raise wrong
    return Mod(divisor, remainder)


def _regex(operator: str, argument: object, place: Place) -> Test:
    if not isinstance(argument, str):
        raise wrong_argument(operator, place, "a pattern, a string")
    compile_pattern(argument)
    return Regex(argument)


def _begins_with(operator: str, argument: object, place: Place) -> Test:
    if not isinstance(argument, str):
        raise wrong_argument(operator, place, "a string")
    return BeginsWith(argument)


def _inner(operator: str, argument: object, place: Place) -> Node:
    if not isinstance(argument, Mapping):
        raise wrong_argument(operator, place, "a selector")
    return _condition(argument, replace(place, path=(), inside=True))


def _elem_match(operator: str, argument: object, place: Place) -> Test:
    return ElemMatch(_inner(operator, argument, place))


def _all_match(operator: str, argument: object, place: Place) -> Test:
    return AllMatch(_inner(operator, argument, place))


def _key_map_match(operator: str, argument: object, place: Place) -> Test:
    return KeyMapMatch(_inner(operator, argument, place))


_COMBINATIONS: dict[str, Callable[[object, Place], Node]] = {"$and": _and, "$or": _or, "$nor": _nor, "$not": _not}
_TESTS: dict[str, Callable[[str, object, Place], Test]] = {
    **dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), _compare),
    "$in": _in,
    "$nin": _not_in,
    "$exists": _exists,
    "$type": _type,
    "$all": _all,
    "$elemMatch": _elem_match,
    "$allMatch": _all_match,
    "$keyMapMatch": _key_map_match,
    "$size": _size,
    "$mod": _mod,
    "$regex": _regex,
    "$beginsWith": _begins_with,
}
OPERATORS = (*_COMBINATIONS, *_TESTS)
