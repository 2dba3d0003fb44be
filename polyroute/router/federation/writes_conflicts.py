"""ON CONFLICT across engines: done where an upsert or an anti-join means exactly the same, refused elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Dataset
from polyroute.errors import DatabaseErrorCode, invalid, make_error
from polyroute.router.federation.writes_spool import Spool
from polyroute.router.federation.writes_statement import Insert


def conflict_columns(write: Insert, dataset: Dataset) -> None:
    """Refuse an ON CONFLICT that is not about the key, or that keeps some columns of the old row; QUERY_INVALID."""
    key = frozenset(k.lower() for k in dataset.key)
    if not key:
        raise invalid(
            f"{dataset.name!r} has no key, so no row conflicts with another",
            hint="leave ON CONFLICT out, or load it anew with key='column'",
        )
    if write.conflict_keys is not None and write.conflict_keys != key:
        raise invalid(
            f"the key of {dataset.name!r} is {', '.join(dataset.key)}",
            hint=f"write ON CONFLICT ({', '.join(dataset.key)})",
        )
    if write.conflict == "nothing":
        return
    every = frozenset(n.lower() for n in dataset.schema.names)
    given = every if write.columns is None and not write.by_name else frozenset(c.lower() for c in write.columns or ())
    if (write.assigned is not None and not every - key <= write.assigned) or given != every:
        raise invalid(
            "across engines a row is replaced as a whole",
            hint=f"write ON CONFLICT DO UPDATE of every column, in the list too: {', '.join(dataset.schema.names)}",
        )


def new_only(query: exp.Expr, target: exp.Table, columns: Sequence[str], dataset: Dataset, by_name: bool) -> exp.Expr:
    """Return the query's rows whose key the target does not hold, one for each key.

    >>> import pyarrow as pa
    >>> from polyroute.sql.dialect import parse_statement, render
    >>> airports = Dataset("airports", "relational", pa.schema([("iata", pa.string())]), ("iata",))
    >>> made = new_only(parse_statement("SELECT 'JFK'"), exp.to_table("rel.airports"), ["iata"], airports, False)
    >>> "NOT EXISTS" in render(made) and "ROW_NUMBER" in render(made)
    True
    """
    names = [] if by_name else [exp.to_identifier(c, quoted=True) for c in columns]
    rows = exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier("incoming"), columns=names))
    keys = [exp.column(k, "incoming", quoted=True) for k in dataset.key]
    same = exp.and_(*(k.copy().eq(exp.column(k.name, "held", quoted=True)) for k in keys))
    held = exp.select("1").from_(exp.alias_(target, "held", table=True)).where(same)
    first = exp.EQ(
        this=exp.Window(this=exp.RowNumber(), partition_by=[k.copy() for k in keys]), expression=exp.Literal.number(1)
    )
    select = exp.select("incoming.*").from_(rows).where(exp.Not(this=exp.Exists(this=held)))
    select.set("qualify", exp.Qualify(this=first))
    return select


def check_distinct(spool: Spool, names: Sequence[str], dataset: Dataset) -> None:
    """Refuse rows that replace one another: which of them stays would be luck; CONSISTENCY_VIOLATION."""
    given = pa.Table.from_batches(
        [b.select([names.index(k) for k in dataset.key]) for b in spool.batches()],
        pa.schema([spool.schema.field(names.index(k)) for k in dataset.key]),
    ).rename_columns(list(dataset.key))
    if given.group_by(list(dataset.key)).aggregate([]).num_rows != given.num_rows:
        raise make_error(
            DatabaseErrorCode.CONSISTENCY_VIOLATION,
            f"the query gives several rows for one key of {dataset.name!r}",
            hint="make it give one row per key: GROUP BY, or QUALIFY row_number() OVER (PARTITION BY ...) = 1",
        )
