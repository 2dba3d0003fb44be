"""The functions of openCypher: name -> how many arguments, what it gives, how.

A function of the table gets values, never rows. Null in gives null out unless the entry says otherwise; `takes` and
`gives` are kinds that the compiler checks before the query runs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from polyroute.engines.graph.cypher import temporal
from polyroute.engines.graph.cypher.operators import type_error
from polyroute.engines.graph.cypher.temporal import Temporal
from polyroute.engines.graph.cypher.values import Node, Path, Relationship, Value, is_number, type_name
from polyroute.errors import invalid

_LONGEST_RANGE = 10_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """One function: arguments at least and at most, kinds it takes first and gives, and the code."""

    low: int
    high: int
    run: Callable[..., Value]
    gives: str = "any"
    takes: tuple[str, ...] = ()
    keeps_null: bool = False


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _range(start: Value, stop: Value, step: Value = 1) -> Value:
    if type(start) is not int or type(stop) is not int or type(step) is not int:
        raise type_error("range() takes integers")
    if step == 0:
        raise invalid("openCypher: the step of range() is 0", hint="give a step such as 1 or -1")
    span = range(start, stop + (1 if step > 0 else -1), step)
    if len(span) > _LONGEST_RANGE:
        raise invalid(f"openCypher: range() is longer than {_LONGEST_RANGE:,}", hint="give a smaller range")
    return list(span)


def _need(name: str, value: Value, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise type_error(f"{name}() does not take {type_name(value)}")
    return value


def _size(value: Value) -> Value:
    return len(_need("size", value, list, str))


def _reverse(value: Value) -> Value:
    held = _need("reverse", value, list, str)
    return held[::-1]


def _head(value: Value) -> Value:
    held = _need("head", value, list)
    return held[0] if held else None


def _last(value: Value) -> Value:
    held = _need("last", value, list)
    return held[-1] if held else None


def _tail(value: Value) -> Value:
    return _need("tail", value, list)[1:]


def _keys(value: Value) -> Value:
    return list(_properties(value))


def _properties(value: Value) -> dict[str, Value]:
    if isinstance(value, Node):
        return value.graph.node_properties(value.number)
    if isinstance(value, Relationship):
        return value.graph.relationship_properties(value.number)
    held: dict[str, Value] = _need("properties", value, dict)
    return held


def _id(value: Value) -> Value:
    held = _need("id", value, Node, Relationship)
    return held.graph.node_id(held.number) if isinstance(held, Node) else held.number


def _labels(value: Value) -> Value:
    node: Node = _need("labels", value, Node)
    return list(node.graph.labels(node.number))


def _type(value: Value) -> Value:
    held: Relationship = _need("type", value, Relationship)
    return held.graph.relationship_type(held.number)


def _start_node(value: Value) -> Value:
    held: Relationship = _need("startNode", value, Relationship)
    return held.graph.node(held.graph.ends(held.number)[0])


def _end_node(value: Value) -> Value:
    held: Relationship = _need("endNode", value, Relationship)
    return held.graph.node(held.graph.ends(held.number)[1])


def _nodes(value: Value) -> Value:
    path: Path = _need("nodes", value, Path)
    return list(path.nodes)


def _relationships(value: Value) -> Value:
    path: Path = _need("relationships", value, Path)
    return list(path.relationships)


def _length(value: Value) -> Value:
    path: Path = _need("length", value, Path)
    return len(path.relationships)


def _to_integer(value: Value) -> Value:
    if isinstance(value, str):
        value = _parsed(value)
    if value is None or type(value) is int:
        return value
    if isinstance(value, bool):
        return int(value)
    number = _need("toInteger", value, float)
    return int(number) if abs(number) < 2**63 else None


def _to_float(value: Value) -> Value:
    if isinstance(value, str):
        value = _parsed(value)
    if value is None:
        return None
    return float(_need("toFloat", value, int, float))


def _parsed(text: str) -> int | float | None:
    """Read a number; the forms that only Python knows (1_000, inf) are none."""
    stripped = text.strip()
    if "_" in stripped or stripped.lower().lstrip("+-")[:1] in ("i", "n"):
        return None
    try:
        return int(stripped)
    except ValueError:
        pass
    try:
        return float(stripped)
    except ValueError:
        return None


def _to_string(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(_need("toString", value, int, float, Temporal))


def _to_boolean(value: Value) -> Value:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    if type(value) is int:
        return value != 0
    return _need("toBoolean", value, bool)


def _number(name: str, value: Value) -> Any:
    if not is_number(value):
        raise type_error(f"{name}() does not take {type_name(value)}")
    return value


def _math(name: str, run: Callable[[float], float]) -> Function:
    def call(value: Value) -> Value:
        try:
            return run(float(_number(name, value)))
        except (ValueError, OverflowError):
            return math.nan

    return Function(1, 1, call, "float")


def _round(value: Value, digits: Value = 0) -> Value:
    number = float(_number("round", value))
    places = _need("round", digits, int)
    if not math.isfinite(number):
        return number
    scale = 10.0**places
    scaled = number * scale
    return math.floor(scaled + 0.5) / scale if math.isfinite(scaled) else number


def _sign(value: Value) -> Value:
    number = _number("sign", value)
    return (number > 0) - (number < 0)


def _text(name: str, run: Callable[..., Value], *kinds: type) -> Callable[..., Value]:
    """Check that the first argument is a string and the others are of the given kinds."""

    def call(*values: Value) -> Value:
        for value, kind in zip(values, (str, *kinds), strict=False):
            _need(name, value, kind)
        return run(*values)

    return call


def _substring(text: str, start: int, length: int | None = None) -> str:
    if start < 0 or (length is not None and length < 0):
        raise invalid("openCypher: substring() takes no negative numbers", hint="count from 0")
    return text[start:] if length is None else text[start : start + length]


def _left(text: str, length: int) -> str:
    return _substring(text, 0, length)


def _right(text: str, length: int) -> str:
    if length < 0:
        raise invalid("openCypher: right() takes no negative length", hint="count from 0")
    return text[len(text) - min(length, len(text)) :]


def _split(text: str, separator: str) -> list[Value]:
    return list(text) if separator == "" else list(text.split(separator))


def _exists(value: Value) -> Value:
    return value is not None and value is not False


def _is_empty(value: Value) -> Value:
    return len(_need("isEmpty", value, list, str, dict)) == 0


def _is_nan(value: Value) -> Value:
    number = _number("isNaN", value)
    return number != number


def _temporal(kind: str) -> Function:
    def call(value: Value) -> Value:
        try:
            if isinstance(value, dict):
                return temporal.from_components(kind, value)
            if isinstance(value, str):
                return temporal.from_text(kind, value)
            return temporal.convert(kind, _need(kind, value, Temporal))
        except ValueError as exc:
            raise invalid(
                f"openCypher: {kind}(): {exc}", hint="give a map, such as {year: 2024}, or ISO 8601 text"
            ) from exc

    return Function(1, 1, call, "temporal")


FUNCTIONS: Mapping[str, Function] = {
    "id": Function(1, 1, _id, takes=("node", "relationship")),
    "elementid": Function(1, 1, lambda value: str(_id(value)), "string", ("node", "relationship")),
    "labels": Function(1, 1, _labels, "list", ("node",)),
    "type": Function(1, 1, _type, "string", ("relationship",)),
    "keys": Function(1, 1, _keys, "list", ("node", "relationship", "map")),
    "properties": Function(1, 1, _properties, "map", ("node", "relationship", "map")),
    "startnode": Function(1, 1, _start_node, "node", ("relationship",)),
    "endnode": Function(1, 1, _end_node, "node", ("relationship",)),
    "nodes": Function(1, 1, _nodes, "list", ("path",)),
    "relationships": Function(1, 1, _relationships, "list", ("path",)),
    "rels": Function(1, 1, _relationships, "list", ("path",)),
    "length": Function(1, 1, _length, "integer", ("path",)),
    "size": Function(1, 1, _size, "integer", ("list", "string")),
    "head": Function(1, 1, _head, takes=("list",)),
    "last": Function(1, 1, _last, takes=("list",)),
    "tail": Function(1, 1, _tail, "list", ("list",)),
    "reverse": Function(1, 1, _reverse, takes=("list", "string")),
    "range": Function(2, 3, _range, "list", ("integer",)),
    "coalesce": Function(1, 99, _coalesce, keeps_null=True),
    "exists": Function(1, 1, _exists, "boolean", keeps_null=True),
    "isempty": Function(1, 1, _is_empty, "boolean", ("list", "string", "map")),
    "isnan": Function(1, 1, _is_nan, "boolean"),
    "tointeger": Function(1, 1, _to_integer, "integer"),
    "tofloat": Function(1, 1, _to_float, "float"),
    "tostring": Function(1, 1, _to_string, "string"),
    "toboolean": Function(1, 1, _to_boolean, "boolean"),
    "abs": Function(1, 1, lambda value: abs(_number("abs", value))),
    "ceil": _math("ceil", lambda value: float(math.ceil(value))),
    "floor": _math("floor", lambda value: float(math.floor(value))),
    "round": Function(1, 2, _round, "float"),
    "sign": Function(1, 1, _sign, "integer"),
    "sqrt": _math("sqrt", math.sqrt),
    "exp": _math("exp", math.exp),
    "log": _math("log", math.log),
    "log10": _math("log10", math.log10),
    "sin": _math("sin", math.sin),
    "cos": _math("cos", math.cos),
    "tan": _math("tan", math.tan),
    "asin": _math("asin", math.asin),
    "acos": _math("acos", math.acos),
    "atan": _math("atan", math.atan),
    "atan2": Function(2, 2, lambda y, x: math.atan2(_number("atan2", y), _number("atan2", x)), "float"),
    "degrees": _math("degrees", math.degrees),
    "radians": _math("radians", math.radians),
    "haversin": _math("haversin", lambda value: (1 - math.cos(value)) / 2),
    "e": Function(0, 0, lambda: math.e, "float"),
    "pi": Function(0, 0, lambda: math.pi, "float"),
    "rand": Function(0, 0, random.random, "float"),
    "substring": Function(2, 3, _text("substring", _substring, int, int), "string", ("string",)),
    "left": Function(2, 2, _text("left", _left, int), "string", ("string",)),
    "right": Function(2, 2, _text("right", _right, int), "string", ("string",)),
    "trim": Function(1, 1, _text("trim", str.strip), "string", ("string",)),
    "ltrim": Function(1, 1, _text("lTrim", str.lstrip), "string", ("string",)),
    "rtrim": Function(1, 1, _text("rTrim", str.rstrip), "string", ("string",)),
    "toupper": Function(1, 1, _text("toUpper", str.upper), "string", ("string",)),
    "tolower": Function(1, 1, _text("toLower", str.lower), "string", ("string",)),
    "upper": Function(1, 1, _text("upper", str.upper), "string", ("string",)),
    "lower": Function(1, 1, _text("lower", str.lower), "string", ("string",)),
    "replace": Function(3, 3, _text("replace", str.replace, str, str), "string", ("string",)),
    "split": Function(2, 2, _text("split", _split, str), "list", ("string",)),
    "date": _temporal(temporal.DATE),
    "time": _temporal(temporal.TIME),
    "localtime": _temporal(temporal.LOCAL_TIME),
    "datetime": _temporal(temporal.DATE_TIME),
    "localdatetime": _temporal(temporal.LOCAL_DATE_TIME),
}
"""Every function by its name in lower case."""
