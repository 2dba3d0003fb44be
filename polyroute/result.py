"""The answer: `QueryResult`, and the forms in which an engine hands one over.

A result keeps what the engine gave, tuples or Arrow, and makes the other form only when it is asked for, so that a
point read costs about a microsecond here. It is materialised: iterating starts over each time, while
fetchone/fetchmany/fetchall share a cursor as in PEP 249.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from polyroute.errors import DatabaseErrorCode, invalid, make_error
from polyroute.rendering import html_table, text_table
from polyroute.values import rows_from_table, table_from_rows, unique_names

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

    from polyroute.plan import Plan

Row = tuple[object, ...]


@dataclass(slots=True)
class Rows:
    """An engine's answer as tuples of logical Python values.

    `schema` is the Arrow schema of the columns, or a function that makes it when somebody asks; `affected` counts rows
    written; `keys` are keys that the engine made up on insert.
    """

    columns: Sequence[str]
    rows: list[Row]
    schema: pa.Schema | Callable[[], pa.Schema] | None = None
    affected: int | None = None
    keys: Sequence[object] | None = None


@dataclass(slots=True)
class Documents:
    """An engine's answer as original JSON documents; `table` gives them as Arrow under the dataset's schema."""

    documents: list[dict[str, object]]
    table: Callable[[], pa.Table]
    columns: Sequence[str]


class Streamed(Protocol):
    """Anything that gives Arrow batches once, as `pyarrow.RecordBatchReader` does."""

    def read_all(self) -> pa.Table:
        """Read the rest into one table."""


class Considered(NamedTuple):
    """One engine that could have answered, with the cost predicted for it (None: not measured yet)."""

    engine: str
    predicted_ms: float | None


@dataclass(frozen=True, slots=True)
class Route:
    """Why this engine: the engines considered, in the order of preference, and the reason for the first."""

    considered: tuple[Considered, ...]
    engine: str | None
    reason: str

    def __str__(self) -> str:
        shown = ", ".join(
            f"{c.engine} ({'new' if c.predicted_ms is None else f'{c.predicted_ms:.2f} ms'})" for c in self.considered
        )
        return f"{self.engine}: {self.reason}; considered {shown}"


class QueryResult:
    """The materialised answer to one query, with the way it came.

    `engine` names the engine that answered (None where several did: see `plan`), `attempts` counts engine calls,
    `elapsed_s` is the time of the whole query, `truncated` tells that a row or byte limit cut the answer, `freshness`
    is 'current' or says how old a replica may be.

    >>> result = QueryResult(Rows(("n", "name"), [(1, "ann"), (2, "bob")]))
    >>> result.columns, len(result), list(result)
    (('n', 'name'), 2, [(1, 'ann'), (2, 'bob')])
    >>> result.to_dicts()[0]
    {'n': 1, 'name': 'ann'}
    """

    engine: str | None = None
    query_id: str | None = None
    from_cache: bool = False
    attempts: int = 1
    elapsed_s: float = 0.0
    truncated: bool = False
    freshness: str = "current"
    rows_affected: int | None = None
    keys: Sequence[object] | None = None
    _plan: Plan | Callable[[], Plan] | None = None
    _route: Route | Callable[[], Route] | None = None
    _cursor: int = 0
    _rows: list[Row] | None = None
    _table: pa.Table | None = None
    _schema: pa.Schema | Callable[[], pa.Schema] | None = None
    _documents: Documents | None = None

    def __init__(self, answer: Rows | Documents | pa.Table | Streamed) -> None:
        if type(answer) is Rows:
            self.columns: tuple[str, ...] = tuple(answer.columns)
            self._rows = answer.rows
            self._schema = answer.schema
            if answer.affected is not None:
                self.rows_affected = answer.affected
                self.keys = answer.keys
        elif isinstance(answer, Documents):
            self.columns = tuple(answer.columns)
            self._documents = answer
        else:
            read_all = getattr(answer, "read_all", None)
            table: pa.Table = answer if read_all is None else read_all()
            self.columns = tuple(table.column_names)
            self._table = table
            self._schema = table.schema

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the columns."""
        known = self._schema
        if known is None:
            known = self.to_arrow().schema
        elif callable(known):
            known = known()
        self._schema = known
        return known

    @property
    def route(self) -> Route | None:
        """The engines that were considered, their predicted costs, and why this one."""
        if callable(self._route):
            self._route = self._route()
        return self._route

    @property
    def plan(self) -> Plan | None:
        """How a SQL query was answered: its fragments, what was moved, and where they were merged."""
        if callable(self._plan):
            self._plan = self._plan()
        return self._plan

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds: `total_ms`, and one entry per fragment of a plan."""
        timings = {"total_ms": self.elapsed_s * 1e3}
        if self.plan is not None:
            timings.update({f"fragment_{i}_ms": f.ms for i, f in enumerate(self.plan.fragments) if f.ms is not None})
        return timings

    def rows(self) -> list[Row]:
        """Return all rows as tuples; the list is the result's own, so do not change it."""
        if self._rows is None:
            try:
                self._rows = rows_from_table(self.to_arrow())
            except (OverflowError, ValueError) as exc:
                raise make_error(
                    DatabaseErrorCode.QUERY_EXECUTION_FAILED,
                    "the answer holds a date or time that Python has none for, such as infinity or the year 10000",
                    hint="take it with to_arrow(), or cast the column to text",
                ) from exc
        return self._rows

    def __len__(self) -> int:
        if self._rows is not None:
            return len(self._rows)
        if self._documents is not None:
            return len(self._documents.documents)
        return int(self.to_arrow().num_rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

    def __bool__(self) -> bool:
        return True

    def fetchone(self) -> Row | None:
        """Return the next row, or None after the last."""
        rows = self.rows()
        if self._cursor >= len(rows):
            return None
        self._cursor += 1
        return rows[self._cursor - 1]

    def fetchmany(self, size: int = 1) -> list[Row]:
        """Return the next `size` rows, fewer at the end."""
        if size < 0:
            raise invalid("fetchmany needs a size of at least 0")
        start = self._cursor
        self._cursor = min(start + size, len(self))
        return self.rows()[start : self._cursor]

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        start, self._cursor = self._cursor, len(self)
        return self.rows()[start:]

    def one(self) -> Row:
        """Return the only row; QUERY_EXECUTION_FAILED when there is none or more than one."""
        rows = self.rows()
        if len(rows) != 1:
            raise make_error(
                DatabaseErrorCode.QUERY_EXECUTION_FAILED,
                f"expected one row, the result has {len(rows)}",
                hint="use fetchone() for the first row, or narrow the query",
            )
        return rows[0]

    def scalar(self) -> object:
        """Return the first column of the first row, or None for an empty result."""
        rows = self.rows()
        return rows[0][0] if rows and rows[0] else None

    def to_arrow(self) -> pa.Table:
        """Return the result as an Arrow table; repeated column names get `_1`."""
        if self._table is None:
            if self._documents is not None:
                self._table = self._documents.table()
            else:
                schema = self._schema() if callable(self._schema) else self._schema
                self._table = table_from_rows(self.columns, self._rows or [], schema)
        names = unique_names(self._table.column_names)
        return self._table if names == tuple(self._table.column_names) else self._table.rename_columns(list(names))

    def to_pandas(self) -> pandas.DataFrame:
        """Return the result as a pandas DataFrame (needs the extra `pandas`)."""
        _require("pandas")
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> polars.DataFrame:
        """Return the result as a Polars DataFrame (needs the extra `polars`)."""
        _require("polars")
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)  # noqa: S101 - a table always gives a frame
        return frame

    def to_dicts(self) -> list[dict[str, object]]:
        """Return a dict per row; documents come back as the original JSON."""
        if self._documents is not None:
            return self._documents.documents
        names = unique_names(self.columns)
        return [dict(zip(names, row, strict=True)) for row in self.rows()]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the result through the Arrow PyCapsule interface."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return text_table(self.columns, self.rows()[:20], total=len(self))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        shown = self.rows()[:50]
        return {
            "text/plain": text_table(self.columns, shown[:20], total=len(self)),
            "text/html": html_table(self.columns, shown, total=len(self)),
        }


def _require(package: str) -> None:
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise invalid(f"{package} is not installed", hint=f"pip install 'polyroute[{package}]'")
