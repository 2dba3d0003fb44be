from __future__ import annotations

import datetime as dt
import io
import json
import os
from decimal import Decimal

import pyarrow as pa
import pytest

from polyroute.cli import output
from polyroute.cli.output import write_csv, write_json, write_table
from polyroute.cli.values import plain_value
from polyroute.result import QueryResult, Rows
from polyroute.sql.types import JSON

SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("text", pa.string()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("price", pa.decimal128(9, 2)),
        ("raw", pa.binary()),
        ("x", pa.float64()),
        ("tags", pa.list_(pa.string())),
        ("place", pa.struct([("lat", pa.float64()), ("seen", pa.date32())])),
        ("any", JSON),
    ]
)
DAY = dt.date(2013, 2, 8)
ROW = (
    2**60,
    'say "hi", Zürich',
    DAY,
    dt.datetime(2013, 2, 8, 12, 30, 0, 5),
    Decimal("12.30"),
    b"\x00\xff",
    float("nan"),
    ["a", None],
    {"lat": 1.5, "seen": DAY},
    '{"deep": [1, "two"]}',
)
EMPTY = (None, "", *[None] * 8)


@pytest.fixture
def result() -> QueryResult:
    return QueryResult(Rows(SCHEMA.names, [ROW, EMPTY], schema=SCHEMA))


def test_json_is_valid_and_loses_nothing(result: QueryResult, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(result)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "n": 2**60,
        "text": 'say "hi", Zürich',
        "day": "2013-02-08",
        "at": "2013-02-08T12:30:00.000005",
        "price": "12.30",
        "raw": "AP8=",
        "x": "NaN",
        "tags": ["a", None],
        "place": {"lat": 1.5, "seen": "2013-02-08"},
        "any": {"deep": [1, "two"]},
    }
    assert second == dict.fromkeys(SCHEMA.names) | {"text": ""}


def test_json_of_no_rows_is_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    write_json(QueryResult(Rows(("a",), [], schema=pa.schema([("a", pa.int64())]))))
    assert json.loads(capsys.readouterr().out) == []


def test_csv_tells_null_from_empty_text(result: QueryResult, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(result)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header == "n,text,day,at,price,raw,x,tags,place,any"
    assert first.startswith('1152921504606846976,"say ""hi"", Zürich",2013-02-08,')
    assert '"{""deep"": [1, ""two""]}"' in first
    assert second == ',"",,,,,,,,'


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (True, pa.bool_(), True),
        (float("-inf"), pa.float64(), "-Infinity"),
        (dt.time(5, 15), pa.time64("us"), "05:15:00"),
        (dt.timedelta(days=1, microseconds=3), pa.duration("us"), "PT86400.000003S"),
        (dt.timedelta(microseconds=-1), pa.duration("us"), "-PT0.000001S"),
        ([("k", 1)], pa.map_(pa.string(), pa.int64()), [["k", 1]]),
        ([{"j": "[1]"}], pa.list_(pa.struct([("j", JSON)])), [{"j": [1]}]),
    ],
)
def test_plain_values(value: object, kind: pa.DataType, plain: object) -> None:
    assert plain_value(value, kind) == plain


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_to_a_pipe_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("a", "b"), [("x" * 300, "y" * 300)])
    out = capsys.readouterr().out
    assert "x" * 300 in out
    assert "y" * 300 in out


def test_a_table_to_a_terminal_fits_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr(output.shutil, "get_terminal_size", lambda: os.terminal_size((30, 24)))
    write_table(("first", "second", "third"), [("x" * 12, "y" * 12, "z" * 12)])
    table, _, note = terminal.getvalue().partition("(1 row)")
    assert all(len(line) <= 30 for line in table.splitlines())
    assert "z" not in table
    assert "third" in note
    assert "--json" in note
