"""Every renderer that accepts a filter selects exactly the rows that DuckDB selects for the text as it was written."""

from __future__ import annotations

import sqlite3
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from hypothesis import event, given, settings
from hypothesis import strategies as st

from polyroute.errors import QueryError
from polyroute.sql.filters import (
    DUCKDB,
    SQLITE,
    Filter,
    Unsupported,
    and_,
    encode_sqlite,
    mask_arrow,
    parse_filter,
    split,
    to_arrow,
    to_predicate,
    to_sql,
)

from .drafts import SCHEMA, Draft, draw_table
from .oracle import EXAMPLES, expected

FILTERS = 12
SEEDS = st.integers(0, 2**32 - 1)
SQLITE_TYPES = {
    "i": "INTEGER",
    "n": "INTEGER",
    "k": "INTEGER",
    "f": "REAL",
    "g": "REAL",
    "b": "INTEGER",
    "c": "INTEGER",
}
KEPT_AS_TEXT = ("w", "h", "m", "u", "x", "l", "q", "y")


def by_duckdb(duck, table: pa.Table, filter_: Filter) -> list[int]:
    rendered = to_sql(filter_, DUCKDB)
    duck.register("rows", table)
    found = duck.execute(f"SELECT id FROM rows WHERE {rendered.text} ORDER BY id", rendered.params or None)
    return [key for (key,) in found.fetchall()]


def by_sqlite(table: pa.Table, filter_: Filter) -> list[int]:
    rendered = to_sql(filter_, SQLITE)
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(f'"{name}" {SQLITE_TYPES.get(name, "TEXT")}' for name in SCHEMA.names)
    connection.execute(f"CREATE TABLE rows ({columns})")
    marks = ", ".join("?" * len(SCHEMA.names))
    rows = [[stored(name, value) for name, value in row.items()] for row in table.to_pylist()]
    connection.executemany(f"INSERT INTO rows VALUES ({marks})", rows)
    found = connection.execute(f"SELECT id FROM rows WHERE {rendered.text} ORDER BY id", rendered.params).fetchall()
    connection.close()
    return [int(key) for (key,) in found]


def stored(name: str, value: object) -> object:
    if value is None:
        return None
    return str(value) if name in KEPT_AS_TEXT else encode_sqlite(value, SCHEMA.field(name).type)


def by_python(table: pa.Table, filter_: Filter) -> list[int]:
    passes = to_predicate(filter_)
    return [row["id"] for row in table.to_pylist() if passes(row)]


def by_arrow(table: pa.Table, filter_: Filter) -> list[int]:
    return table.filter(to_arrow(filter_))["id"].to_pylist()


def by_mask(table: pa.Table, filter_: Filter) -> list[int]:
    mask = mask_arrow(filter_, table)
    if isinstance(mask, pa.Scalar):
        return table["id"].to_pylist() if mask.as_py() else []
    return table.filter(mask)["id"].to_pylist()


def parsed(text: str, params: dict[str, object]) -> Filter | None:
    try:
        return parse_filter(text, SCHEMA, params)
    except QueryError:
        return None


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_every_renderer_agrees_with_duckdb(duck, seed):
    random = Random(seed)
    table = draw_table(random, random.randint(3, 10))
    for _ in range(FILTERS):
        draft = Draft(random)
        wanted = expected(duck, table, draft)
        filter_ = parsed(draft.text, draft.params)
        if wanted is None:
            continue
        assert filter_ is not None, f"refused: {draft.text} {draft.params}"
        assert by_duckdb(duck, table, filter_) == wanted, f"duckdb: {draft.text} {draft.params}"
        for run in (by_sqlite, by_python, by_arrow, by_mask):
            try:
                found = run(table, filter_)
            except Unsupported:
                continue
            event(run.__name__)
            assert found == wanted, f"{run.__name__}: {draft.text} {draft.params}"


@settings(max_examples=max(5, EXAMPLES // 5), deadline=None)
@given(SEEDS)
def test_a_pushed_part_and_its_residual_select_what_the_whole_does(duck, seed):
    random = Random(seed)
    table = draw_table(random, 8)
    for _ in range(FILTERS):
        drafts = [Draft(random), Draft(random)]
        filters = [parsed(draft.text, draft.params) for draft in drafts]
        if None in filters:
            continue
        wanted = [expected(duck, table, draft) for draft in drafts]
        if None in wanted:
            continue
        pushed, residual = split(and_(*filters), lambda part: to_sql(part, SQLITE))
        passed = set(range(8)) if pushed is None else set(by_sqlite(table, pushed))
        if residual is not None:
            try:
                passed &= set(by_duckdb(duck, table, residual))
            except duckdb.Error:  # an error in the data that the whole did not come to, or came to in a row left out
                continue
        assert passed == set(wanted[0]) & set(wanted[1]), drafts[0].text


@settings(max_examples=max(5, EXAMPLES // 5), deadline=None)
@given(SEEDS)
def test_arrow_reads_no_row_group_wrongly_from_its_statistics(duck, tmp_path_factory, seed):
    random = Random(seed)
    table = draw_table(random, 8)
    path = tmp_path_factory.mktemp("files") / "rows.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=random.randint(1, 3))
    files = pyarrow.dataset.dataset(path)
    for _ in range(FILTERS):
        draft = Draft(random)
        filter_, wanted = parsed(draft.text, draft.params), expected(duck, table, draft)
        if filter_ is None or wanted is None:
            continue
        try:
            written = to_arrow(filter_, from_files=True)
        except Unsupported:
            continue
        assert files.to_table(columns=["id"], filter=written)["id"].to_pylist() == wanted, draft.text
