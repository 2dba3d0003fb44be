"""Sources of every form end as the same dataset; progress; wrong files."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import polyroute
from polyroute import PolyrouteError

ROWS = [
    {"id": 1, "code": "NA", "x": 0.5, "tags": ["a", "b"]},
    {"id": 2, "code": None, "x": None, "tags": []},
]
TABLE = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "code": pa.array(["NA", None]),
        "x": pa.array([0.5, None]),
        "tags": pa.array([["a", "b"], []], pa.list_(pa.string())),
    }
)


def sources(folder: Path) -> dict[str, object]:
    pq.write_table(TABLE, folder / "a.parquet")
    feather.write_feather(TABLE, folder / "a.arrow", compression="uncompressed")
    (folder / "a.jsonl").write_text("\n".join(json.dumps(r) for r in ROWS) + "\n\n")
    (folder / "a.json").write_text(json.dumps(ROWS))
    return {
        "arrow": TABLE,
        "batch": TABLE.to_batches()[0],
        "reader": TABLE.to_reader(),
        "polars": pl.from_arrow(TABLE),
        "pandas": pd.DataFrame(
            {"id": [1, 2], "code": ["NA", None], "x": [0.5, float("nan")], "tags": [["a", "b"], []]}
        ),
        "dicts": ROWS,
        "generator": (r for r in ROWS),
        "parquet": folder / "a.parquet",
        "ipc": str(folder / "a.arrow"),
        "json lines": folder / "a.jsonl",
        "json": folder / "a.json",
    }


def test_every_source_loads_the_same_rows(tmp_path: Path) -> None:
    with polyroute.connect({"olap": f"duckdb:///{tmp_path}/a.duckdb"}) as db:
        for name, source in sources(tmp_path).items():
            report = db.load(name, source, engine="olap", key="id")
            assert (report.rows, report.dataset, report.engines) == (2, name, ("olap",))
            assert db.scan(name, order="id").to_dicts() == ROWS, name
        copied = db.load("copied", db.sql("SELECT * FROM arrow"), engine="olap")
        assert copied.rows == 2


def test_in_csv_only_the_empty_field_is_null_unless_told(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,code,day\n1,NA,2013-01-31\n2,,2013-02-01\n3,?,\n")
    (tmp_path / "c.tsv").write_text("id\tcode\n1\tNA\n")
    with polyroute.connect({"rel": "sqlite://"}) as db:
        db.load("c", tmp_path / "c.csv", engine="rel")
        assert db.scan("c", order="id").fetchall() == [
            (1, "NA", dt.date(2013, 1, 31)),
            (2, None, dt.date(2013, 2, 1)),
            (3, "?", None),
        ]
        db.load("d", tmp_path / "c.csv", engine="rel", null_values=["", "?"], types={"id": pa.string()})
        assert db.scan("d", columns=["id", "code"], order="id").fetchall() == [("1", "NA"), ("2", None), ("3", None)]
        db.load("t", tmp_path / "c.tsv", engine="rel")
        assert db.scan("t").fetchall() == [(1, "NA")]


def test_dicts_with_pythons_own_types_keep_them(tmp_path: Path) -> None:
    rows = [{"d": dt.date(2013, 1, 31), "t": dt.datetime(2013, 1, 31, 12), "n": Decimal("1.10"), "b": b"\0"}]
    with polyroute.connect({"rel": "sqlite://"}) as db:
        db.load("typed", rows, engine="rel")
        assert db.scan("typed").to_dicts() == rows


def test_wrong_sources_are_told(tmp_path: Path) -> None:
    (tmp_path / "airports.parquet").write_bytes(b"no parquet")
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a": \n')
    (tmp_path / "odd.xyz").write_text("")
    with polyroute.connect({"rel": "sqlite://"}) as db:
        for source, told in (
            (tmp_path / "airport.parquet", "did you mean 'airports.parquet'?"),
            (tmp_path / "nowhere" / "a.csv", "no folder"),
            (tmp_path / "airports.parquet", "cannot be read as parquet"),
            (tmp_path / "bad.jsonl", "line 2"),
            (tmp_path / "odd.xyz", "known endings"),
            (7, "int"),
            ([1, 2], "not a dict"),
            ({"a": [1]}, "list of dicts"),
            ([{1: 2}], "text"),
            ([{"a": dt.date(2013, 1, 1)}, {"a": "x"}], "'a'"),
        ):
            with pytest.raises(PolyrouteError) as caught:
                db.load("x", source, engine="rel")
            assert caught.value.code == "QUERY_INVALID"
            assert told in str(caught.value)
            assert str(tmp_path) not in str(caught.value)
        assert db.catalog.names() == []


def test_a_bar_is_shown_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with polyroute.connect({"rel": "sqlite://"}) as db:
        db.load("quiet", TABLE, engine="rel")
        assert capsys.readouterr().err == ""
        db.load("shown", TABLE, engine="rel", show_progress=True)
        assert "loading shown" in capsys.readouterr().err
