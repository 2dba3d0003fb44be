"""Write reads as SQLite's SQL: what of a scan SQLite does exactly as DuckDB would, and the statement for it."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.contract import BoundScan, Pushed
from polyroute.engines.relational.sqlite_foreign import looks_numeric
from polyroute.engines.relational.sqlite_tables import Column, Table, quoted
from polyroute.sql.codec import encode_timestamp
from polyroute.sql.filters import SQLITE, Filter, OrderKey, SqlTarget, Unsupported, list_sqlite, split, to_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

_INT64 = 2**63
_HALVES = 2**52
_REMEMBERED_TABLES = 256


def negotiate(table: Table, op: BoundScan) -> Pushed:
    """Tell what of a scan SQLite does exactly."""
    where, residual = split(op.where, lambda part: render_filter(table, part))
    order = residual is None and all(table.columns[key.column].form.ordered for key in op.order)
    return Pushed(True, where, residual, order, residual is None and order)


def select(
    table: Table,
    columns: Sequence[str],
    where: Filter | None = None,
    order: Sequence[OrderKey] = (),
    limit: int | None = None,
) -> tuple[str, list[Any]]:
    """Return a SELECT and its parameters; a filter and an order must be ones that `negotiate` took."""
    wanted = ", ".join(quoted(c) for c in columns) or "NULL"
    sql = f"SELECT {wanted} FROM {quoted(table.name)}"
    params: list[Any] = []
    if where is not None:
        text, params = render_filter(table, where)
        sql += f" WHERE {text}"
    if order:
        sql += f" ORDER BY {', '.join(_order_item(table.columns[key.column], key) for key in order)}"
    if limit is not None:
        sql, params = f"{sql} LIMIT ?", [*params, limit]
    return sql, params


def touched(columns: Iterable[str], where: Filter | None, order: Sequence[OrderKey] = ()) -> set[str]:
    """Return the columns whose values decide an answer."""
    return {*columns, *(where.columns if where is not None else ()), *(key.column for key in order)}


def render_filter(table: Table, where: Filter) -> tuple[str, list[Any]]:
    """Return a filter as SQL text and parameters; `Unsupported` when SQLite would not give exactly DuckDB's rows."""
    rendered = to_sql(where, _target(table, where))
    return rendered.text, cast("list[Any]", rendered.params)


def _target(table: Table, where: Filter) -> SqlTarget:
    """Return the SQL of a table, made once per table, so that what was written in it is remembered."""
    known = _TARGETS.of(table)
    shield = not known.converting.isdisjoint(where.columns) and _may_convert(where)
    return known.shielded if shield else known.plain


@dataclass(frozen=True, slots=True)
class _Known:
    """The SQL of a table, and that with a shield for the columns that turn texts into numbers."""

    table: Table
    converting: frozenset[str]
    plain: SqlTarget
    shielded: SqlTarget


class _Targets:
    """The SQL of the tables asked last; tables are told apart by identity, as every change of one makes a new one."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, _Known] = OrderedDict()
        self._lock = Lock()

    def of(self, table: Table) -> _Known:
        """Return the SQL of a table."""
        held = self._held.get(id(table))
        if held is None:
            names = frozenset(c.name for c in table.columns.values() if _converts_texts(c))
            held = _Known(table, names, _make_target(table, frozenset()), _make_target(table, names))
            with self._lock:
                self._held[id(table)] = held
                while len(self._held) > _REMEMBERED_TABLES:
                    self._held.popitem(last=False)
        return held


_TARGETS = _Targets()


def _make_target(table: Table, shielded: frozenset[str]) -> SqlTarget:
    def quote(name: str) -> str:
        # a plus takes the column's affinity away, with which SQLite would compare texts as numbers
        return ("+" if name in shielded else "") + quoted(name)

    def comparable(field: pa.Field) -> bool:
        return table.columns[field.name].form.ordered

    def collate(field: pa.Field) -> bool:
        return pa.types.is_string(field.type) and not table.columns[field.name].binary

    return replace(
        SQLITE,
        quote=quote,
        encode=encode,
        comparable=comparable,
        collate=collate,
        lists=lambda values, _: list_sqlite(values, encode),
    )


def _converts_texts(column: Column) -> bool:
    return column.numeric_affinity and pa.types.is_string(column.form.type)


def _may_convert(where: Filter) -> bool:
    """Tell whether a filter compares texts that look like numbers, or columns with each other."""
    texts = [v for value in where.values.values() for v in (value if isinstance(value, tuple) else (value,))]
    if any(isinstance(text, str) and looks_numeric(text) for text in texts):
        return True
    pairs = where.expression.find_all(exp.Predicate)
    return any(len(list(pair.find_all(exp.Column))) > 1 for pair in pairs)


def encode(value: object, type_: pa.DataType | None) -> object:
    """Return the stored form of a value that a column of a type is compared with.

    >>> encode(dt.datetime(2024, 12, 31), pa.timestamp("us")), encode(Decimal("2.0"), pa.int64())
    ('2024-12-31 00:00:00.000000', 2)

    Raises Unsupported for a value that SQLite cannot hold or would compare otherwise.
    """
    match value:
        case bool():
            return int(value)
        case int() if -_INT64 <= value < _INT64:
            return value
        case float():
            return "NaN" if math.isnan(value) else value
        case str() | bytes():
            return value
        case dt.datetime():
            return encode_timestamp(value)
        case dt.date():
            return value.isoformat()
        case dt.time():
            return value.isoformat("microseconds")
        case Decimal() if type_ is not None and pa.types.is_integer(type_) and value.is_finite():
            return _beside_integers(value)
    raise Unsupported(f"SQLite compares no {type(value).__name__} of this kind")


def _beside_integers(value: Decimal) -> object:
    """Return the number that lies between the same integers as a decimal."""
    if value == value.to_integral_value():
        return encode(int(value), None)
    near = float(value)
    if abs(near) >= _HALVES or near.is_integer():
        raise Unsupported("a decimal that no double keeps apart from the integers")
    return near


def _order_item(column: Column, key: OrderKey) -> str:
    collate = "" if column.binary else " COLLATE BINARY"
    direction = " DESC" if key.descending else ""
    # NULLS LAST spoils the use of an index, and a key has no NULLs
    nulls = "" if column.not_null else f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
    return f"{quoted(column.name)}{collate}{direction}{nulls}"
