"""What the tests of whole SELECTs in SQLite share: tables of awkward values, DuckDB's answer, an exact comparison."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import BoundSelect
from polyroute.engines.execution import as_table, run
from polyroute.engines.resources.duckdb.answers import read
from polyroute.engines.resources.scratch import scratch
from polyroute.operations import Scan
from tests.engines.relational.sqlite_cases import Opened, foreign

NAN, INF = math.nan, math.inf
TEXTS = ["", "a", "A", "b", "B", "é", "É", "ab", "10", "9", "1e1", " 9", "z\0b", "🚂", "ß", "true", "NaN", "%", "a_b"]
DAYS = [dt.date(1, 1, 1), dt.date(1999, 12, 31), dt.date(2020, 2, 29), dt.date(2020, 3, 1), dt.date(9999, 12, 31)]
MOMENTS = [dt.datetime(1999, 12, 31, 23, 59, 59, 999_999), dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 5, 6, 7)]
COLUMNS: Mapping[str, tuple[pa.DataType, Sequence[object]]] = {
    "h": (pa.int16(), [0, 1, -1, 2, 3, 7, 100]),
    "i": (pa.int32(), [0, 1, -1, 2, 5, 10, 9, 40_000]),
    "n": (pa.int64(), [0, 1, -1, 2, 5, 10, 9, 2**40]),
    "big": (pa.int64(), [0, 1, 2**63 - 1, -(2**63), 2**53 + 1, 2**53]),
    "top": (pa.int32(), [0, 1, 2**31 - 1, -(2**31), 7]),
    "w": (pa.uint8(), [0, 1, 2, 255]),
    "f": (pa.float64(), [0.0, -0.0, 1.5, 2.0, 5.0, -7.25, NAN, INF, -INF, 0.1, 2.0**53]),
    "r": (pa.float64(), [0.0, 1.5, 2.0, 0.1, -3.25, 1e300]),
    "g": (pa.float32(), [0.0, 1.5, NAN, 0.10000000149011612]),
    "s": (pa.string(), TEXTS),
    "c": (pa.string(), ["a", "A", "b", "10", "9"]),
    "b": (pa.bool_(), [True, False]),
    "d": (pa.date32(), DAYS),
    "m": (pa.timestamp("us"), MOMENTS),
    "ms": (pa.timestamp("s"), [dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 5)]),
    "z": (pa.timestamp("us", "Europe/Zurich"), [dt.datetime(2020, 2, 29, tzinfo=dt.UTC)]),
    "p": (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("-3.00"), Decimal("10.00")]),
    "q": (
        pa.decimal128(15, 4),
        [Decimal("1.5000"), Decimal("-0.0001"), Decimal("0.0000"), Decimal("9999999999.9999")],
    ),
    "y": (pa.binary(), [b"", b"\0", b"a", b"\xff"]),
}


def awkward(rows: int, seed: int) -> pa.Table:
    """Return a table of a key `k` and every column, a fifth of it NULL."""
    chance = random.Random(seed)
    arrays = {"k": pa.array(range(rows), pa.int64())}
    for name, (arrow_type, values) in COLUMNS.items():
        chosen = [None if chance.random() < 0.2 else chance.choice(values) for _ in range(rows)]
        arrays[name] = pa.array(chosen, arrow_type)
    return pa.table(arrays)


class World:
    """A SQLite file with awkward tables, and what DuckDB sees of them: `t`, `u`, an empty `e`, a foreign `o`."""

    def __init__(self, folder: Path) -> None:
        path = folder / "world.db"
        foreign(
            path,
            "CREATE TABLE o (k INTEGER PRIMARY KEY, i INT, n NUMERIC, f REAL, s TEXT, d DATE, x, ci TEXT)",
            *(
                f"INSERT INTO o VALUES ({k}, {i}, {n}, {f}, {s}, {d}, {x}, 'a')"
                for k, (i, n, f, s, d, x) in enumerate(_FOREIGN)
            ),
        )
        self.db = Opened(path)
        self.db.load("t", awkward(60, 1), key=["k"])
        self.db.load("u", awkward(25, 2), key=["k"])
        self.db.load("e", awkward(0, 3), key=["k"])
        self.tables = {name: self.db.table(Scan(name)) for name in ("t", "u", "e", "o")}

    def close(self) -> None:
        self.db.engine.close()

    def expected(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Return DuckDB's answer over the same tables."""
        return duckdb_answer(sql, self.tables, params)

    def found(self, sql: str, params: Mapping[str, object] | None = None, call: Call = UNBOUNDED) -> pa.Table:
        """Return SQLite's answer."""
        return answer(self.db, sql, params, call)


_FOREIGN = [
    ("1", "1", "1.5", "'a'", "'2013-01-01'", "1"),
    ("2", "2.5", "2", "'10'", "'2013-01-02'", "2"),
    ("NULL", "NULL", "NULL", "NULL", "NULL", "NULL"),
    ("-5", "3", "-0.5", "'9'", "'abc'", "3"),
    ("2", "4", "1e300", "'É'", "'2012-12-31'", "4"),
]


def answer(db: Opened, sql: str, params: Mapping[str, object] | None = None, call: Call = UNBOUNDED) -> pa.Table:
    """Return what SQLite answers to a SELECT, with repeated names as DuckDB repeats them."""
    op = BoundSelect(sql, tuple(db.engine.datasets()), params or {})
    found = run(db.engine, op, call)
    names = list(found.schema.names) if isinstance(found, pa.Table) else list(found.columns)  # type: ignore[union-attr]
    return as_table(found).rename_columns(names)


def duckdb_answer(sql: str, tables: Mapping[str, pa.Table], params: Mapping[str, object] | None = None) -> pa.Table:
    """Return the merge site's answer to a SELECT."""
    with scratch(tables) as cursor:
        return read(cursor, sql, dict(params) if params else None).table()


def difference(found: pa.Table, expected: pa.Table, *, in_order: bool) -> str | None:
    """Return what an answer has otherwise than DuckDB's, or None; numbers must be equal to the last digit."""
    if found.schema != expected.schema:
        return f"columns {found.schema}, not {expected.schema}"
    left, right = _rows(found), _rows(expected)
    if not in_order:
        left, right = sorted(left), sorted(right)
    if left == right:
        return None
    wrong = next((pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]), None)
    return f"{len(left)} rows, not {len(right)}" if wrong is None else f"row {wrong[0]}, not {wrong[1]}"


def _rows(table: pa.Table) -> list[tuple[str, ...]]:
    # zero and minus zero are one value, of which DuckDB gives either
    columns = [[repr(v + 0.0 if isinstance(v, float) else v) for v in column.to_pylist()] for column in table.columns]
    return list(zip(*columns, strict=True)) if columns else [()] * table.num_rows
