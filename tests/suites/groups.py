"""The third-party suites as groups: some tables, and the SQL cases over them.

A suite is data (its README tells where each comes from); here its three file forms become one: tables as Arrow with the
declared column types, cases with their expected rows as text, NULL as None.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SHARED = Path(os.environ.get("POLYROUTE_SHARED", Path(__file__).parents[3] / "shared"))
SUITES = SHARED / "suites"

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Case:
    """One query: its text, unchanged, and what it answers; `ordered` tells whether the order of rows counts.

    `kinds` are the column kinds of sqllogictest (I, R, T), where the suite prints by them.
    """

    id: str
    sql: str
    rows: Sequence[Row]
    ordered: bool
    kinds: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Tables by name and the cases over them."""

    suite: str
    id: str
    tables: Mapping[str, pa.Table]
    cases: Sequence[Case]


def present(suite: str) -> bool:
    """Tell whether a suite is here."""
    return (SUITES / suite).is_dir()


@cache
def duckdb_groups() -> tuple[Group, ...]:
    """Return DuckDB's own tests: every case passes on DuckDB."""
    return _sqllogic("duckdb_sqllogic", lambda query: True, by_kind=False)


@cache
def sqlite_groups() -> tuple[Group, ...]:
    """Return SQLite's tests, without the cases that DuckDB's dialect does not have."""
    return _sqllogic("sqlite_sqllogictest", lambda query: bool(query["duckdb"]), by_kind=True)


@cache
def calcite_groups() -> tuple[Group, ...]:
    """Return Calcite's tests by schema, without the cases that DuckDB answers otherwise; an empty cell is NULL."""
    if not present("calcite_sql"):
        return ()
    folder = SUITES / "calcite_sql"
    schemas = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
    cases = [c for c in json.loads((folder / "cases.json").read_text(encoding="utf-8")) if c["duckdb"]]
    return tuple(
        Group(
            "calcite_sql",
            schema,
            {name: _table(table) for name, table in tables.items()},
            [
                Case(c["id"], c["sql"], [[v if v != "" else None for v in row] for row in c["rows"]], c["ordered"])
                for c in cases
                if c["schema"] == schema
            ],
        )
        for schema, tables in schemas.items()
    )


@cache
def tpch() -> Group | None:
    """Return TPC-H at scale 0.01: eight tables, 22 queries, all of them with an order but for single rows."""
    if not present("tpch"):
        return None
    folder = SUITES / "tpch"
    tables = {path.stem: pq.read_table(path) for path in sorted((folder / "data").glob("*.parquet"))}
    cases = []
    for path in sorted((folder / "queries").glob("*.sql")):
        answer = json.loads((folder / "answers" / f"{path.stem}.json").read_text(encoding="utf-8"))
        rows = [[_without_midnight(v) for v in row] for row in answer["data"]]
        cases.append(Case(path.stem, path.read_text(encoding="utf-8"), rows, ordered=True))
    return Group("tpch", "sf0.01", tables, cases)


def _without_midnight(value: object) -> object:
    return value.removesuffix("T00:00:00.000") if isinstance(value, str) else value


def _sqllogic(suite: str, wanted: Callable[[Mapping[str, object]], bool], *, by_kind: bool) -> tuple[Group, ...]:
    if not present(suite):
        return ()
    lines = (SUITES / suite / "groups.jsonl").read_text(encoding="utf-8").splitlines()
    groups = []
    for line in lines:
        group = json.loads(line)
        cases = [
            Case(f"{group['id']}:{n}", q["sql"], q["rows"], q["ordered"], q["types"] if by_kind else "")
            for n, q in enumerate(group["queries"])
            if wanted(q)
        ]
        groups.append(Group(suite, group["id"], {n: _table(t) for n, t in group["tables"].items()}, cases))
    return tuple(groups)


_TYPES: Mapping[str, pa.DataType] = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "HUGEINT": pa.decimal128(38, 0),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR": pa.string(),
    "TEXT": pa.string(),
}


def _table(stored: Mapping[str, Sequence[object]]) -> pa.Table:
    columns: Sequence[Mapping[str, str]] = stored["columns"]  # type: ignore[assignment]
    rows: Sequence[Sequence[object]] = stored["rows"]  # type: ignore[assignment]
    fields = [pa.field(c["name"], _arrow_type(c["type"])) for c in columns]
    arrays = [pa.array([_value(row[i], f.type) for row in rows], f.type) for i, f in enumerate(fields)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _arrow_type(declared: str) -> pa.DataType:
    sized = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", declared)
    return pa.decimal128(int(sized[1]), int(sized[2])) if sized else _TYPES[re.sub(r"\(.*", "", declared)]


def _value(stored: object, wanted: pa.DataType) -> object:
    if stored is None:
        return None
    if pa.types.is_decimal(wanted):
        return decimal.Decimal(str(stored))
    if pa.types.is_date(wanted):
        return dt.date.fromisoformat(str(stored))
    if pa.types.is_timestamp(wanted):
        return dt.datetime.fromisoformat(str(stored))
    return stored
