"""The values of a SELECT for SQLite: constants bound once, parameters read anew for every asking.

A comparison with a constant goes through the filter language, which knows how DuckDB reads the constant beside a type
and whether comparing the stored forms is then exact. No value is ever written into the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_decimals import comparable
from polyroute.engines.relational.sqlite_query_values import Value
from polyroute.engines.relational.sqlite_select import encode
from polyroute.sql.dialect import render
from polyroute.sql.filters import Unsupported, list_sqlite, parse_filter
from polyroute.sql.filters.allowed import clock
from polyroute.sql.filters.comparison import Between, Comparison, Membership, comparison
from polyroute.sql.filters.exact import Domain, domain, exact_values
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.literals import NO_LITERAL, literal

_SUBJECT = "s"
_PLAIN: Mapping[Domain | None, type] = {"integer": int, "string": str}
_MAX_LIMIT = 2**63 - 1

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Slot:
    """A value of a filter that a parameter gives: where it goes, and the type that it is compared with.

    A parameter of the type `plain` is bound as it is; None where every one is looked at by the filter language.
    """

    place: str
    source: str
    type: pa.DataType
    plain: type | None


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with parameters, to be read anew: its text, the schema of its subject, its slots."""

    text: str
    schema: pa.Schema
    slots: tuple[Slot, ...]
    wide: bool

    def fill(self, params: Params) -> dict[str, object]:
        """Return the bound values; `Unsupported` where comparing them would not be exact."""
        bound = {slot.place: params.get(slot.source) for slot in self.slots if _is_plain(slot, params.get(slot.source))}
        if len(bound) == len(self.slots):
            return bound
        values = parse_filter(self.text, self.schema, params).values
        return {slot.place: _encoded(values[slot.source], slot.type, self.wide) for slot in self.slots}


def _is_plain(slot: Slot, value: object) -> bool:
    """Tell whether a parameter is of the type it is compared with and needs no conversion."""
    if isinstance(value, int):
        return type(value) is slot.plain is int and -_MAX_LIMIT <= value <= _MAX_LIMIT
    return type(value) is slot.plain is str and str(value).isascii()


@dataclass(slots=True)
class Bindings:
    """Collects what a statement binds, while it is written; `params` are those of the asking it is written for."""

    params: Params
    constants: dict[str, object] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    counts: dict[str, str] = field(default_factory=dict)

    def constant(self, value: object, type_: pa.DataType) -> str:
        """Bind a constant and return its place."""
        return self.place(encode(value, type_))

    def condition(self, subject: Value, form: str, *nodes: exp.Expr) -> str:
        """Return the comparison of a subject with constants as SQL; the form has a `{}` for each of them.

        Raises `Unsupported` where SQLite would not compare as DuckDB does.
        """
        subject = comparable(subject, "a comparison")
        type_ = subject.type
        if pa.types.is_integer(type_) and not subject.column:
            type_ = pa.int64()
        schema = pa.schema([pa.field(_SUBJECT, type_)])
        text = f"{_SUBJECT} {form.format(*map(render, nodes))}"
        names = {p.name for node in nodes for p in node.find_all(exp.Placeholder)}
        parsed = parse_filter(text, schema, self.params)
        found = comparison(parsed.expression, parsed)
        if found is None:
            raise Unsupported("an unusual comparison")
        wide = subject.wide and subject.kind == "integer"
        used = _Used(self, names, type_, wide)
        sql = used.written(parsed.expression, found, subject.checked)
        if used.slots:
            self.conditions.append(Condition(text, schema, tuple(used.slots), wide))
        return sql

    def count(self, node: exp.Expr) -> str:
        """Bind the count of a LIMIT or OFFSET and return its place."""
        if isinstance(node, exp.Placeholder) and node.name:
            place = f":n{len(self.counts)}"
            self.counts[place[1:]] = node.name
            return place
        value = literal(node)
        return self.place(_count(value))

    def place(self, stored: object) -> str:
        """Bind a stored value and return its place."""
        place = f"k{len(self.constants)}"
        self.constants[place] = stored
        return f":{place}"


def fill(bindings: Bindings, params: Params) -> dict[str, object]:
    """Return every value that a statement binds, for the parameters of one asking."""
    if not bindings.conditions and not bindings.counts:
        return bindings.constants
    values = dict(bindings.constants)
    for place, name in bindings.counts.items():
        values[place] = _count(params.get(name))
    for condition in bindings.conditions:
        values.update(condition.fill(params))
    return values


def is_constant(node: exp.Expr) -> bool:
    """Tell whether a node is a constant or a parameter, which a comparison may stand beside."""
    node = node.unnest()
    if clock(node) is not None:
        raise Unsupported("the time of the question")
    return isinstance(node, exp.Placeholder) or literal(node) is not NO_LITERAL


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_LIMIT:
        raise Unsupported("an unusual LIMIT or OFFSET")
    return value


class _Used:
    """Write one comparison, remembering which of its values come from parameters."""

    def __init__(self, bindings: Bindings, names: set[str], type_: pa.DataType, wide: bool) -> None:
        self.slots: list[Slot] = []
        self._bindings = bindings
        self._names = names
        self._type = type_
        self._wide = wide

    def written(self, tree: exp.Expr, found: Comparison | Membership | Between, subject: str) -> str:
        """Return the comparison as SQL."""
        match found:
            case Comparison():
                return f"({subject} {found.operator.upper()} {self._value(tree.expression, found.value)})"
            case Between():
                low = self._value(tree.args["low"], found.low)
                high = self._value(tree.args["high"], found.high)
                return f"({subject} BETWEEN {low} AND {high})"
            case Membership():
                return self._membership(tree, found, subject)

    def _membership(self, tree: exp.Expr, found: Membership, subject: str) -> str:
        listed = tree.args.get("field")
        if isinstance(listed, exp.Placeholder) and self._is_parameter(listed.name):
            place = self._slot(listed.name, None)
            _encoded(found.values, self._type, self._wide)
            return f"({subject} IN (SELECT value FROM json_each({place})))"
        nodes = tree.expressions or [None] * len(found.values)
        items = [self._value(node, value) for node, value in zip(nodes, found.values, strict=True)]
        if not items:
            return f"({subject} IS NULL AND NULL)"
        return f"({subject} IN ({', '.join(items)}))"

    def _value(self, node: exp.Expr | None, value: object) -> str:
        inner = node.unnest() if node is not None else None
        if isinstance(inner, exp.Placeholder) and self._is_parameter(inner.name):
            _encoded(value, self._type, self._wide)
            return self._slot(inner.name, _PLAIN.get(domain(self._type)))
        if value is None:
            return "NULL"
        return self._bindings.place(_encoded(value, self._type, self._wide))

    def _slot(self, source: str, plain: type | None) -> str:
        place = f"p{len(self._bindings.conditions)}_{len(self.slots)}"
        self.slots.append(Slot(place, source, self._type, plain))
        return f":{place}"

    def _is_parameter(self, name: str) -> bool:
        """Tell a parameter from a constant of the text, to which the filter language gives a name of its own."""
        return name in self._names


def _encoded(value: object, type_: pa.DataType, wide: bool) -> object:
    """Return a value's stored form, a list as JSON; `Unsupported` where comparing it would not be exact."""
    values = value if isinstance(value, tuple) else (value,)
    if not exact_values(type_, values) or (wide and not all(isinstance(v, int | float | None) for v in values)):
        raise Unsupported("a comparison that DuckDB makes after converting both sides")
    if pa.types.is_decimal(type_):
        return _units(value, type_.scale)
    if not isinstance(value, tuple):
        return None if value is None else encode(value, type_)
    # of no values at all SQLite says false for a NULL, where DuckDB says NULL
    form = list_sqlite(value if isinstance(value, InList) else InList(value), encode) if value else None
    if form is None:
        raise Unsupported("a list of no values, or of values that JSON does not carry exactly")
    return form.param


def _units(value: object, scale: int) -> int | None:
    """Return a number as the units of a decimal beside it."""
    if value is None:
        return None
    number = Decimal(value) if isinstance(value, int | Decimal) else None
    units = None if number is None else number.scaleb(scale)
    if units is None or units != units.to_integral_value() or abs(units) > _MAX_LIMIT:
        raise Unsupported("a comparison with a number that has more digits than the decimal beside it")
    return int(units)
