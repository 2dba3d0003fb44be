"""What other programs do to tables that polyroute loaded: the catalog shows them as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from polyroute.engines import open_engine
from polyroute.engines.testing.store import Store
from polyroute.operations import Scan, TimeseriesRange

SERIES = pa.table(
    {"obs": pa.array([dt.datetime(2013, 1, 1)], pa.timestamp("s", "Europe/Paris")), "h": pa.array([1.5], pa.float16())}
)

Elsewhere = Callable[..., Store]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    """Load a series, let another program run some SQL on the file, and open it again."""
    path = tmp_path / "air.duckdb"
    opened: list[Store] = []

    def run(*statements: str, scheme: str = "timeseries+duckdb") -> Store:
        loaded = Store(lambda: open_engine(f"timeseries+duckdb:////{path}"))
        loaded.load("s", SERIES, time="obs")
        loaded.close()
        with duckdb.connect(str(path)) as other:
            for statement in statements:
                other.execute(statement)
        opened.append(Store(lambda: open_engine(f"{scheme}:////{path}")))
        return opened[-1]

    yield run
    for store in opened:
        store.close()


def test_rows_written_elsewhere_are_read_in_the_types_of_the_load(elsewhere: Elsewhere) -> None:
    store = elsewhere("INSERT INTO s VALUES ('2012-01-01 00:00:00+00', 2.5)")
    found = store.ask(TimeseriesRange("s")).to_arrow()
    assert found.schema == SERIES.schema
    assert found["h"].to_pylist() == [2.5, 1.5]


def test_columns_altered_elsewhere_have_the_types_they_have(elsewhere: Elsewhere) -> None:
    store = elsewhere("ALTER TABLE s ALTER h TYPE DECIMAL(4, 2)", "ALTER TABLE s ADD COLUMN n INTEGER DEFAULT 7")
    held = store.engine.dataset("s").schema
    assert held == pa.schema([SERIES.schema.field("obs"), ("h", pa.decimal128(4, 2)), ("n", pa.int32())])
    assert store.rows(Scan("s", ("n",))) == [(7,)]


def test_a_series_without_its_time_column_says_so(elsewhere: Elsewhere) -> None:
    store = elsewhere("ALTER TABLE s RENAME obs TO moment")
    assert store.engine.dataset("s").roles == {}
    with store.refused(told="time"):
        store.ask(TimeseriesRange("s"))


def test_a_table_renamed_elsewhere_is_an_ordinary_table(elsewhere: Elsewhere) -> None:
    store = elsewhere("ALTER TABLE s RENAME TO t", scheme="duckdb")
    assert set(store.engine.datasets()) == {"t"}
    assert store.engine.dataset("t").schema.field("h").type == pa.float32()


def test_a_view_in_the_place_of_a_series_is_no_series(elsewhere: Elsewhere) -> None:
    statements = ("DROP TABLE s", "CREATE VIEW s AS SELECT 1 AS obs")
    assert not elsewhere(*statements).engine.datasets()


def test_a_view_of_a_file_outside_is_no_dataset(elsewhere: Elsewhere, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    store = elsewhere(f"CREATE VIEW v AS FROM read_csv('{outside}')", "CREATE VIEW w AS SELECT 1 AS a", scheme="duckdb")
    assert set(store.engine.datasets()) == {"w"}
