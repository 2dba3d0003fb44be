"""From a selector tree to a Python predicate: closures built once, run for every document.

A document is plain JSON as `json.loads` gives it: dict, list, str, int, float, bool, None and nothing else. Each
closure is made for the type of the value it compares with, so that the common tests cost one look-up and one
comparison.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from polyroute.sql.selectors.collation import NUMBER, RANKS, STRING, TYPE_NAMES, key_order, sort_key, string_key
from polyroute.sql.selectors.negation import normal_form
from polyroute.sql.selectors.paths import ASTRAY, MISSING, compile_path
from polyroute.sql.selectors.patterns import compile_pattern
from polyroute.sql.selectors.tree import (
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
    NotIn,
    Or,
    Regex,
    Size,
    Test,
    TypeIs,
    Unless,
)

Predicate = Callable[[object], bool]

# CouchDB compares `_id` by code point, every other string by the collation.
RAW_PATH = ("_id",)

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def compile_selector(node: Node) -> Predicate:
    """Return the predicate of a tree: a function from a document to whether it matches.

    >>> from polyroute.sql.selectors.parse import parse_selector
    >>> compile_selector(parse_selector({"age": {"$gt": 30}}))({"age": 31})
    True
    """
    return _node(normal_form(node))


def _node(node: Node) -> Predicate:
    match node:
        case And(parts):
            return _every([_node(part) for part in parts])
        case Or(parts):
            return _any([_node(part) for part in parts])
        case Field(path, Exists(wanted)):
            return _exists(path, wanted=wanted)
        case Field((), test):
            return _test(test)
        case Field(path, test):
            return _field(path, _test(test, raw=path == RAW_PATH))
        case _:
            raise AssertionError("the normal form has no other nodes")


def _every(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:
        first, second = predicates
        return lambda value: first(value) and second(value)
    return lambda value: all(matches(value) for matches in predicates)


def _any(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda value: any(matches(value) for matches in predicates)


def _field(path: tuple[str, ...], test: Predicate) -> Predicate:
    find = compile_path(path)

    def matches(value: object) -> bool:
        found = find(value)
        return found is not MISSING and found is not ASTRAY and test(found)

    return matches


def _exists(path: tuple[str, ...], *, wanted: bool) -> Predicate:
    find = compile_path(path)
    if wanted:
        return _field(path, lambda _: True)
    return lambda value: find(value) is MISSING


def _test(test: Test, *, raw: bool = False) -> Predicate:
    match test:
        case Compare("$eq", value):
            return _equals(value)
        case Compare("$ne", value):
            return _opposite(_equals(value))
        case Compare(name, value):
            return _ordered(_ORDERINGS[name], value, raw=raw)
        case In(values):
            return _in(values)
        case NotIn(values):
            return _opposite(_in(values))
        case Exists(wanted):
            return lambda _: wanted
        case TypeIs(name):
            rank = TYPE_NAMES.index(name)
            return lambda value: RANKS[type(value)] == rank
        case All(values):
            return _all(values)
        case ElemMatch(node):
            element = _node(node)
            return lambda value: type(value) is list and any(element(item) for item in value)
        case AllMatch(node):
            every = _node(node)
            return lambda value: type(value) is list and bool(value) and all(every(item) for item in value)
        case KeyMapMatch(node):
            key = _node(node)
            return lambda value: type(value) is dict and any(key(name) for name in value)
        case Size(length):
            return lambda value: type(value) is list and len(value) == length
        case Mod(divisor, remainder):
            return _mod(divisor, remainder)
        case Regex(pattern):
            search = compile_pattern(pattern).search
            return lambda value: type(value) is str and search(value) is not None
        case BeginsWith(prefix):
            return lambda value: type(value) is str and value.startswith(prefix)
        case Unless(inner):
            return _opposite(_test(inner, raw=raw))


def _opposite(test: Predicate) -> Predicate:
    return lambda value: not test(value)


def _equals(wanted: Json) -> Predicate:
    kind = type(wanted)
    if kind is str:
        return lambda value: value == wanted
    if kind is int or kind is float:
        return lambda value: type(value) is not bool and value == wanted
    if wanted is None or kind is bool:
        return lambda value: value is wanted
    key = sort_key(wanted)
    return lambda value: type(value) is kind and sort_key(value) == key


def _ordered(compare: Callable[[Any, Any], bool], bound: Json, *, raw: bool) -> Predicate:
    rank = RANKS[type(bound)]
    if rank == NUMBER:

        def test_number(value: object) -> bool:
            kind = type(value)
            return compare(value, bound) if kind is int or kind is float else compare(RANKS[kind], rank)

        return test_number
    if rank == STRING:
        text_key: Callable[[str], object] = str if raw else string_key
        text = text_key(bound)  # type: ignore[arg-type]

        def test_string(value: object) -> bool:
            return compare(text_key(value), text) if type(value) is str else compare(RANKS[type(value)], rank)

        return test_string
    order = key_order if raw else sort_key
    key = order(bound)
    return lambda value: compare(order(value), key)


def _in(values: tuple[Json, ...]) -> Predicate:
    scalars = frozenset(value for value in values if type(value) in (str, int, float))
    tests = [_equals(value) for value in values if type(value) not in (str, int, float)]

    def one(value: object) -> bool:
        kind = type(value)
        if kind is str or kind is int or kind is float:
            return value in scalars
        return any(equals(value) for equals in tests)

    return lambda value: any(one(item) for item in value) if type(value) is list else one(value)


def _all(values: tuple[Json, ...]) -> Predicate:
    if not values:
        return lambda _: False
    tests = [_equals(value) for value in values]
    whole = tests[0] if len(values) == 1 and isinstance(values[0], list) else None

    def matches(value: object) -> bool:
        if type(value) is not list:
            return False
        return all(any(equals(item) for item in value) for equals in tests) or (whole is not None and whole(value))

    return matches


def _mod(divisor: int, remainder: int) -> Predicate:
    size = abs(divisor)

    def matches(value: object) -> bool:
        if type(value) is not int:
            return False
        left = abs(value) % size
        return (left if value >= 0 else -left) == remainder

    return matches
