"""Read an order: "year DESC, name" becomes keys over the columns of one dataset.

Only plain columns order a dataset: what is computed is ordered at the merge site. NULLs come last unless the text
says otherwise, whichever the direction, and NaN is the greatest number, as in DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.errors import invalid
from polyroute.sql.dialect import parse_statement
from polyroute.sql.filters.reference import reference, resolve

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One column of an order.

    Attributes:
        column: the column's name, as stored.
        descending: greatest first.
        nulls_first: NULLs before everything else, whichever the direction.
    """

    column: str
    descending: bool = False
    nulls_first: bool = False


def parse_order(order: str | Sequence[str | OrderKey] | None, schema: pa.Schema) -> tuple[OrderKey, ...]:
    """Read an order, written as one text or as a list of parts.

    Raises:
        QueryError: QUERY_INVALID, when it does not parse, names no column of the schema, or orders by more than plain
            columns.

    >>> import pyarrow as pa
    >>> parse_order("b DESC, a NULLS FIRST", pa.schema({"a": pa.int64(), "B": pa.int64()}))[0]
    OrderKey(column='B', descending=True, nulls_first=False)
    """
    if order is None:
        return ()
    if isinstance(order, str):
        return _parse(order, schema)
    if isinstance(order, bytes | Mapping) or not isinstance(order, Iterable):
        raise invalid(
            f"an order is a text or a list, not {type(order).__name__}", hint="give columns such as 'year DESC, name'"
        )
    keys: list[OrderKey] = []
    for part in order:
        keys.extend((part,) if isinstance(part, OrderKey) else _parse(part, schema))
    return tuple(keys)


def _parse(text: str, schema: pa.Schema) -> tuple[OrderKey, ...]:
    if not isinstance(text, str) or not text.strip():
        raise invalid("an order is empty", hint="give columns such as 'year DESC, name', or leave the order out")
    select = parse_statement(f"SELECT 1 ORDER BY\n{text}\n")
    used = {name for name, part in select.args.items() if part}
    if not isinstance(select, exp.Select) or used - {"expressions", "order", "kind"}:
        raise invalid("an order holds columns only, without clauses", hint="give columns such as 'year DESC, name'")
    return tuple(_key(ordered, schema) for ordered in select.args["order"].expressions)


def _key(ordered: exp.Expr, schema: pa.Schema) -> OrderKey:
    if (
        not isinstance(ordered, exp.Ordered)
        or not isinstance(ordered.this, exp.Column)
        or ordered.args.get("with_fill")
    ):
        raise _not_plain()
    found = reference(resolve(ordered.this, schema), schema)
    if found is None or found.path:
        raise _not_plain()
    return OrderKey(found.column, bool(ordered.args.get("desc")), bool(ordered.args.get("nulls_first")))


def _not_plain() -> Exception:
    return invalid("an order takes plain columns only", hint="order the SQL statement around it by expressions")
