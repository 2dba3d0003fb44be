"""What a selector says of the key: where it names the keys that can match, only their documents need be looked at."""

from __future__ import annotations

from polyroute.engines.document.definition import Key
from polyroute.sql.selectors.tree import And, Compare, Field, In, Node

_LARGEST = 2**63


def keys_of(selector: Node, key_field: str | None) -> list[Key] | None:
    """Return the keys that a matching document can have, None where the selector leaves them open.

    >>> from polyroute.sql.selectors import parse_selector
    >>> keys_of(parse_selector({"_id": {"$in": ["a", "b"]}, "x": {"$gt": 1}}), "_id")
    ['a', 'b']
    """
    if key_field is None:
        return None
    parts = selector.parts if isinstance(selector, And) else (selector,)
    for part in parts:
        if isinstance(part, And):
            found = keys_of(part, key_field)
            if found is not None:
                return found
        if isinstance(part, Field) and part.path == (key_field,):
            if isinstance(part.test, Compare) and part.test.operator == "$eq":
                return _keys_among((part.test.value,))
            if isinstance(part.test, In):
                return _keys_among(part.test.values)
    return None


def _keys_among(values: tuple[object, ...]) -> list[Key] | None:
    """Return the values that can be keys, a text or a number; None where one is a number too large to tell."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if any(abs(number) >= _LARGEST for number in numbers):
        return None
    return list(dict.fromkeys([*numbers, *(value for value in values if isinstance(value, str))]))
