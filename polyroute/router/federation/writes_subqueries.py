"""UPDATE and DELETE whose conditions ask other engines: the subqueries are answered first, their values put in place.

What is left names one engine and runs there as one statement, so it is atomic as ever. A subquery that depends on the
row being changed cannot be answered alone; then the condition as a whole is, and the keys of the rows that pass take
its place, where the dataset has a key.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Dataset
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid
from polyroute.sql.types import is_json

MOST_VALUES = 10_000

Evaluated: TypeAlias = Callable[[exp.Expr], pa.Table]

_CLASSES: Mapping[str, Callable[[pa.DataType], bool]] = {
    "numbers": lambda t: pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t),
    "texts": pa.types.is_string,
    "times": lambda t: pa.types.is_date(t) or pa.types.is_timestamp(t),
    "booleans": pa.types.is_boolean,
}


def localised(tree: exp.Expr, dataset: Dataset, is_local: Callable[[exp.Expr], bool], evaluated: Evaluated) -> exp.Expr:
    """Return an UPDATE or DELETE that names only the engine of its target.

    `is_local` tells whether that engine holds all that a query reads, `evaluated` answers a query over any engines.
    Raises QUERY_INVALID, with the way out, for UPDATE ... FROM and DELETE ... USING other engines, for more values than
    a statement should carry, and for a condition that can be answered neither alone nor by keys.
    """
    if tree.args.get("from_") or tree.args.get("using"):
        raise invalid(
            "an UPDATE ... FROM or DELETE ... USING runs in one engine, and this one names several",
            hint="write the condition as WHERE column IN (SELECT ... FROM other)",
        )
    local = tree.copy()
    ctes = local.args.get("with_")
    for part in local.expressions:
        _inline(part, dataset, is_local, evaluated, ctes)
    where = local.args.get("where")
    if where is not None:
        try:
            _inline(where, dataset, is_local, evaluated, ctes)
        except PolyrouteError as exc:
            if exc.code != DatabaseErrorCode.QUERY_INVALID:
                raise
            # a subquery that reads a column of the target cannot be bound alone
            where.set("this", _passing(tree, dataset, evaluated, exc))
    local.set("with_", None)
    return local


def by_keys(tree: exp.Expr, dataset: Dataset, evaluated: Evaluated, failure: PolyrouteError) -> exp.Expr:
    """Return an UPDATE or DELETE of the rows, by their keys, that pass its condition now.

    `failure` is why it cannot run as it is, and what is raised where there are no keys to do it by.
    """
    if not dataset.key or tree.args.get("where") is None or tree.args.get("from_") or tree.args.get("using"):
        raise failure
    named = tree.copy()
    for part in named.expressions:
        _inline(part, dataset, lambda query: False, evaluated, named.args.get("with_"))
    named.args["where"].set("this", _passing(tree, dataset, evaluated, failure))
    named.set("with_", None)
    return named


def _inline(
    part: exp.Expr,
    dataset: Dataset,
    is_local: Callable[[exp.Expr], bool],
    evaluated: Evaluated,
    ctes: exp.Expr | None,
) -> None:
    """Put values in the place of the outermost queries of a clause."""
    for query in [q for q in part.find_all(exp.Query) if _is_outermost(q, part)]:
        if ctes is None and is_local(query):
            continue
        parent = query.parent
        inner = query.this if isinstance(query, exp.Subquery) and not query.alias else query
        if isinstance(parent, exp.In) and parent.args.get("query") is query:
            parent.replace(_membership(parent, evaluated(_with(inner, ctes)), dataset))
        elif isinstance(parent, exp.Exists):
            found = evaluated(_with(exp.select(exp.alias_(exp.Exists(this=inner.copy()), "v")), ctes))
            parent.replace(_literal(found["v"][0].as_py(), found.schema.field("v").type))
        elif isinstance(parent, exp.Any | exp.All):
            raise invalid("ANY and ALL cannot be asked across engines here", hint="write IN, or min and max")
        else:
            asked = exp.select(exp.alias_(exp.Subquery(this=inner.copy()), "v"))
            found = evaluated(_with(asked, ctes))
            query.replace(_literal(found["v"][0].as_py(), found.schema.field("v").type))


def _is_outermost(query: exp.Expr, part: exp.Expr) -> bool:
    above = query.parent
    while above is not None and above is not part:
        if isinstance(above, exp.Query):
            return False
        above = above.parent
    return True


def _with(query: exp.Expr, ctes: exp.Expr | None) -> exp.Expr:
    query = query.copy()
    if ctes is not None and not query.args.get("with_"):
        query.set("with_", ctes.copy())
    return query


def _membership(test: exp.In, found: pa.Table, dataset: Dataset) -> exp.Expr:
    """Return `x IN (values)` for `x IN (SELECT ...)`; nothing is in an empty list, not even NULL."""
    if found.num_columns != 1:
        raise invalid("a subquery in IN has more than one column", hint="compare one column, or use EXISTS")
    held = found.schema.field(0).type
    _check_comparable(test.this, held, dataset)
    if not found.num_rows:
        return exp.false()
    values = found.column(0).unique() if not pa.types.is_null(held) else [None]
    _check_number(len(values))
    return exp.In(this=test.this.copy(), expressions=[_literal(_python(v), held) for v in values])


def _python(value: object) -> object:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def _check_comparable(left: exp.Expr, held: pa.DataType, dataset: Dataset) -> None:
    """Refuse to compare a column with values of another class: as literals they would be converted, as columns not."""
    name = left.name.lower() if isinstance(left, exp.Column) else None
    column = next((f for f in dataset.schema if f.name.lower() == name), None)
    if column is None or pa.types.is_null(held):
        return
    if _class(column.type) is None or _class(column.type) != _class(held):
        raise invalid(
            f"column {column.name!r} ({column.type}) is compared with values of type {held}",
            hint="CAST one of them, so that both are numbers, texts, times or booleans",
        )


def _class(arrow_type: pa.DataType) -> str | None:
    if is_json(arrow_type):
        return None
    return next((name for name, is_ in _CLASSES.items() if is_(arrow_type)), None)


def _check_number(count: int) -> None:
    if count > MOST_VALUES:
        raise invalid(
            f"the condition comes to {count:,} values, and {MOST_VALUES:,} is the most that a change carries along",
            hint="put them into the same engine first: CREATE TABLE engine.name AS SELECT ..., and ask there",
        )


def _passing(tree: exp.Expr, dataset: Dataset, evaluated: Evaluated, failure: PolyrouteError) -> exp.Expr:
    """Return the condition that a row's key is one of those that pass the statement's condition now."""
    if not dataset.key:
        raise invalid(
            f"the condition cannot be asked apart from its rows, and {dataset.name!r} has no key to name them by",
            hint="write it without reference to the changed row, or load the dataset anew with key='column'",
        ) from failure
    source = tree.this.copy()
    name = source.alias_or_name
    keys = [exp.column(k, name, quoted=True) for k in dataset.key]
    query = exp.select(*keys).from_(source).where(tree.args["where"].this.copy())
    found = evaluated(_with(query, tree.args.get("with_")))
    _check_number(found.num_rows * len(keys))
    if not found.num_rows:
        return exp.false()
    bare = [exp.column(k, quoted=True) for k in dataset.key]
    types = [f.type for f in found.schema]
    if len(bare) == 1:
        return exp.In(this=bare[0], expressions=[_literal(v, types[0]) for v in found.column(0).to_pylist()])
    rows = zip(*(c.to_pylist() for c in found.columns), strict=True)
    return exp.or_(
        *(exp.and_(*(k.copy().eq(_literal(v, t)) for k, v, t in zip(bare, row, types, strict=True))) for row in rows)
    )


def _literal(value: object, arrow_type: pa.DataType) -> exp.Expr:
    """Return a value as SQL of its type; QUERY_INVALID for a type that has no literal."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, int):
        return exp.Literal.number(value)
    if isinstance(value, float):
        # an exponent makes it a double; without one it would be a decimal
        return (
            exp.Literal.number(f"{value!r}e0" if "e" not in repr(value) else repr(value))
            if math.isfinite(value)
            else exp.cast(exp.Literal.string(str(value)), "DOUBLE")
        )
    if isinstance(value, str) and not is_json(arrow_type):
        return exp.Literal.string(value)
    if isinstance(value, Decimal):
        return exp.cast(exp.Literal.string(str(value)), f"DECIMAL({arrow_type.precision}, {arrow_type.scale})")
    if isinstance(value, dt.datetime):
        kind = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
        return exp.cast(exp.Literal.string(value.isoformat(" ")), kind)
    if isinstance(value, dt.date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    raise invalid(
        f"a subquery gives values of type {arrow_type}, which cannot be carried into another engine",
        hint="CAST them to numbers, text, dates or timestamps",
    )
