"""The canonical form of a document selector: conditions in one order, `$and` opened, values told apart by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyroute.optimizer.cache.values import exact

_ALTERNATIVES = ("$or", "$nor")
_SETS = ("$in", "$nin")


def canonical_selector(selector: Mapping[str, Any] | None) -> str:
    """Return a text that equal selectors share.

    >>> canonical_selector({"b": {"$eq": 1}, "a": {"$in": [2, 1]}}) == canonical_selector(
    ...     {"$and": [{"a": {"$in": [1, 2]}}, {"b": 1}]})
    True
    """
    return f"all({','.join(sorted(set(_conditions(selector or {}))))})"


def _conditions(selector: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, rule in selector.items():
        if name == "$and" and _is_list_of_selectors(rule):
            for part in rule:
                found += _conditions(part)
        elif name in _ALTERNATIVES and _is_list_of_selectors(rule):
            found.append(f"{name}({','.join(sorted({canonical_selector(part) for part in rule}))})")
        elif _is_operators(rule):
            found.append(f"{exact(name)}:{_operators(rule)}")
        else:
            found.append(f"{exact(name)}:$eq={exact(rule)}")
    return found


def _operators(rule: Mapping[str, Any]) -> str:
    return "&".join(sorted(f"{name}={_operand(name, value)}" for name, value in rule.items()))


def _operand(name: str, value: Any) -> str:
    if name in _SETS and isinstance(value, list | tuple):
        return f"set({','.join(sorted({exact(item) for item in value}))})"
    if name == "$not" and isinstance(value, Mapping) and _is_operators(value):
        return _operators(value)
    return exact(value)


def _is_operators(rule: object) -> bool:
    return isinstance(rule, Mapping) and bool(rule) and all(isinstance(k, str) and k.startswith("$") for k in rule)


def _is_list_of_selectors(rule: object) -> bool:
    # an empty list of alternatives is an error in some dialects, so it stays as it is
    return isinstance(rule, Sequence) and bool(rule) and all(isinstance(part, Mapping) for part in rule)
