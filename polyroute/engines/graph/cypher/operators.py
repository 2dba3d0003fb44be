"""The operators of openCypher on values: logic with null, arithmetic, membership, text, access to parts.

A value of the wrong type is QUERY_INVALID, told without the value itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.graph.cypher.temporal import Temporal
from polyroute.engines.graph.cypher.values import Node, Relationship, Value, equals, is_number, less, type_name
from polyroute.errors import QueryError, invalid

_INTEGERS = range(-(2**63), 2**63)


def type_error(problem: str) -> QueryError:
    """Make the QUERY_INVALID error for a value of the wrong type, met while the query ran."""
    return invalid(f"openCypher: {problem}", hint="test the type first, or convert the value")


def truth(value: Value) -> bool | None:
    """Return a value as a condition; only booleans and null are conditions."""
    if value is None or value is True or value is False:
        return value
    raise type_error(f"{type_name(value)} is not a condition")


def negate(value: Value) -> bool | None:
    """NOT."""
    held = truth(value)
    return None if held is None else not held


def exclusive(left: Value, right: Value) -> bool | None:
    """XOR."""
    a, b = truth(left), truth(right)
    return None if a is None or b is None else a != b


def unequal(left: Value, right: Value) -> bool | None:
    """<>."""
    same = equals(left, right)
    return None if same is None else not same


def at_most(left: Value, right: Value) -> bool | None:
    """<=."""
    below = less(left, right)
    return below if below is None or below else _unless_different(left, right)


def _unless_different(left: Value, right: Value) -> bool | None:
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return left.order == right.order
    return equals(left, right)


COMPARISONS: Mapping[str, Callable[[Value, Value], bool | None]] = {
    "=": equals,
    "<>": unequal,
    "<": less,
    ">": lambda left, right: less(right, left),
    "<=": at_most,
    ">=": lambda left, right: at_most(right, left),
}


def _whole(number: int) -> int:
    if number not in _INTEGERS:
        raise invalid("openCypher: an integer left the range of 64 bits", hint="compute with floats, as in toFloat(x)")
    return number


def add(left: Value, right: Value) -> Value:
    """Add numbers, join strings, join lists or put a value at either end of one."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        total = left + right  # type: ignore[operator]
        return _whole(total) if type(total) is int else total
    if isinstance(left, list):
        return [*left, *right] if isinstance(right, list) else [*left, right]
    if isinstance(right, list):
        return [left, *right]
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if (isinstance(left, str) and is_number(right)) or (is_number(left) and isinstance(right, str)):
        return f"{left}{right}"
    raise type_error(f"{type_name(left)} and {type_name(right)} cannot be added")


def _numbers(left: Value, right: Value, doing: str) -> None:
    for value in (left, right):
        if not is_number(value):
            raise type_error(f"{type_name(value)} cannot be {doing}")


def subtract(left: Value, right: Value) -> Value:
    """Subtract numbers."""
    if left is None or right is None:
        return None
    _numbers(left, right, "subtracted")
    result = left - right  # type: ignore[operator]
    return _whole(result) if type(result) is int else result


def multiply(left: Value, right: Value) -> Value:
    """Multiply numbers."""
    if left is None or right is None:
        return None
    _numbers(left, right, "multiplied")
    result = left * right  # type: ignore[operator]
    return _whole(result) if type(result) is int else result


def divide(left: Value, right: Value) -> Value:
    """Divide numbers: integers towards zero, floats as IEEE 754 has it."""
    if left is None or right is None:
        return None
    _numbers(left, right, "divided")
    if type(left) is int and type(right) is int:
        if right == 0:
            raise invalid("openCypher: an integer was divided by zero", hint="exclude zeros, or divide floats")
        quotient = abs(left) // abs(right)
        return _whole(quotient if (left < 0) == (right < 0) else -quotient)
    dividend, divisor = float(left), float(right)  # type: ignore[arg-type]
    if divisor == 0:
        if dividend == 0 or dividend != dividend:
            return math.nan
        return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)
    return dividend / divisor


def remainder(left: Value, right: Value) -> Value:
    """Return the rest of a division, with the sign of the dividend."""
    if left is None or right is None:
        return None
    _numbers(left, right, "divided")
    if type(left) is int and type(right) is int:
        if right == 0:
            raise invalid("openCypher: an integer was divided by zero", hint="exclude zeros, or divide floats")
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    dividend, divisor = float(left), float(right)  # type: ignore[arg-type]
    return math.nan if divisor == 0 or math.isinf(dividend) else math.fmod(dividend, divisor)


def power(left: Value, right: Value) -> Value:
    """Raise a number to a power; the result is a float."""
    if left is None or right is None:
        return None
    _numbers(left, right, "raised to a power")
    try:
        result = float(left) ** float(right)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf
    return math.nan if isinstance(result, complex) else result


def minus(value: Value) -> Value:
    """Change the sign of a number."""
    if value is None:
        return None
    if not is_number(value):
        raise type_error(f"{type_name(value)} has no sign to change")
    return _whole(-value) if type(value) is int else -value  # type: ignore[operator]


def plus(value: Value) -> Value:
    """Leave a number as it is."""
    if value is not None and not is_number(value):
        raise type_error(f"{type_name(value)} has no sign")
    return value


def contained(value: Value, container: Value) -> bool | None:
    """IN: true when an item equals the value, else null when one might."""
    if container is None:
        return None
    if not isinstance(container, list):
        raise type_error(f"IN looks into a list, not into {type_name(container)}")
    unknown = False
    for item in container:
        same = equals(value, item)
        if same:
            return True
        unknown = unknown or same is None
    return None if unknown else False


def starts_with(value: Value, part: Value) -> bool | None:
    """STARTS WITH; null unless both are strings."""
    return value.startswith(part) if isinstance(value, str) and isinstance(part, str) else None


def ends_with(value: Value, part: Value) -> bool | None:
    """ENDS WITH; null unless both are strings."""
    return value.endswith(part) if isinstance(value, str) and isinstance(part, str) else None


def contains(value: Value, part: Value) -> bool | None:
    """CONTAINS; null unless both are strings."""
    return part in value if isinstance(value, str) and isinstance(part, str) else None


@lru_cache(maxsize=4096)
def _matches(text: str, pattern: str) -> bool:
    # Arrow's RE2 takes linear time whatever the pattern; Python's own engine could be made to run for years.
    try:
        return bool(pc.match_substring_regex(pa.scalar(text), f"\\A(?:{pattern})\\z").as_py())
    except pa.ArrowInvalid as exc:
        raise invalid(
            "openCypher: the regular expression cannot be read", hint="it must be one that RE2 knows"
        ) from exc


def matches(value: Value, pattern: Value) -> bool | None:
    """=~ : whether a regular expression matches the whole string; null unless both are strings."""
    return _matches(value, pattern) if isinstance(value, str) and isinstance(pattern, str) else None


def property_of(subject: Value, key: str) -> Value:
    """Return subject.key of a node, a relationship, a map or a temporal value."""
    if isinstance(subject, Node):
        return subject.graph.node_property(subject.number, key)
    if isinstance(subject, Relationship):
        return subject.graph.relationship_property(subject.number, key)
    if isinstance(subject, dict):
        return subject.get(key)
    if subject is None:
        return None
    if isinstance(subject, Temporal):
        return subject.component(key)
    raise type_error(f"{type_name(subject)} has no properties")


def item_of(subject: Value, index: Value) -> Value:
    """Return subject[index]: an item of a list, counted from the end when negative, or a property by a computed key."""
    if subject is None or index is None:
        return None
    if isinstance(subject, list):
        if type(index) is not int:
            raise type_error(f"a list is indexed by an integer, not by {type_name(index)}")
        return subject[index] if -len(subject) <= index < len(subject) else None
    if isinstance(subject, (dict, Node, Relationship)):
        if not isinstance(index, str):
            raise type_error(f"a property is named by a string, not by {type_name(index)}")
        return property_of(subject, index)
    raise type_error(f"{type_name(subject)} cannot be indexed")


def slice_of(subject: Value, start: Value, stop: Value) -> Value:
    """Return subject[start..stop] of a list; null where a bound is null."""
    if subject is None or start is None or stop is None:
        return None
    if not isinstance(subject, list):
        raise type_error(f"{type_name(subject)} cannot be sliced")
    if not isinstance(start, int) or not isinstance(stop, int) or bool in (type(start), type(stop)):
        raise type_error(f"a list is sliced by integers, not by {type_name(start)} and {type_name(stop)}")
    return subject[start:stop]


def has_labels(subject: Value, labels: tuple[str, ...]) -> bool | None:
    """Tell whether a node has all labels, or a relationship the one type."""
    if subject is None:
        return None
    if isinstance(subject, Node):
        held = subject.graph.labels(subject.number)
        return all(label in held for label in labels)
    if isinstance(subject, Relationship):
        return all(label == subject.graph.relationship_type(subject.number) for label in labels)
    raise type_error(f"{type_name(subject)} has no labels")
