"""Redaction: values, secrets and places go, names stay."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.errors import redact

# Each template is a message of an engine, word for word, with a data value put in the place of `{}`.
WITH_VALUES = [
    'Constraint Error: Duplicate key "id: {}" violates primary key constraint.',
    'Constraint Error: Violates foreign key constraint because key "id: {}" does not exist in the referenced table',
    'TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key "{}"',
    "Conversion Error: Could not convert string '{}' to INT32\n\nLINE 1: select '{}'::int\n              ^",
    'Conversion Error: invalid date field format: "{}", expected format is (YYYY-MM-DD)',
    'Conversion Error: Malformed JSON at byte 1 of input: unexpected character.  Input: "{}"',
    'Invalid Input Error: Could not parse string "{}" according to format specifier "%Y"\n{}\n^\nError: Expected',
    "Invalid Input Error: Failed to cast value: Could not convert string '{}' to INT64",
    'duplicate key value violates unique constraint "t_key"\nDETAIL:  Key (name, place)=({}, 1) already exists.',
    "new row violates check constraint\nDETAIL:  Failing row contains (1, {}, null).",
    'invalid input syntax for type integer: "{}"',
    "Could not convert '{}' with type str: tried to convert to int64",
    "Failed to parse string: '{}' as a scalar of type int32",
    "In CSV column #0: CSV conversion error to int64: invalid value '{}'",
    "CSV parse error: Expected 2 columns, got 3: 1,2,{}",
    "lance error: LanceError(Arrow): Cast error: Cannot cast string '{}' to value of Int64 type, /x/y/utils.rs:51:31",
    "Invalid input, Error parsing statement: SELECT 1 FROM t WHERE n >< '{}' (sql parser error: Expected: a value)",
    "Invalid input, Ambiguous merge inserts are prohibited: multiple source rows match the same target row on "
    '(id = "{}"). Please ensure each target row is matched by at most one source row.',
    "The node {} is not in the digraph.",
    "Source {} is not in G",
    "No path between {} and {}.",
    "Node {} not reachable from {}",
    "The edge {}-{} is not in the graph.",
    'unrecognized token: "\'{}"',
    "invalid literal for int() with base 10: '{}'",
    "Document with ID {} already exists",
    "connection failed: postgresql://ann:{}@db.example.org/shop",
    "could not connect: host=db password={} user=ann",
]
values = st.text(string.ascii_letters, min_size=8, max_size=20).map(lambda letters: f"Zq{letters}")


@pytest.mark.parametrize("template", WITH_VALUES)
@settings(max_examples=25)
@given(value=values)
def test_a_value_never_stays(template: str, value: str) -> None:
    assert value not in redact(template.replace("{}", value))


@pytest.mark.parametrize(
    "template", [t for t in WITH_VALUES if t.count("{}") == 1 and "'{}'" in t and "SELECT" not in t]
)
@settings(max_examples=25)
@given(first=values, last=values)
def test_a_value_with_an_apostrophe_never_stays(template: str, first: str, last: str) -> None:
    message = redact(template.replace("{}", f"{first}'s {last}"))
    assert first not in message
    assert last not in message


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (
            'Duplicate key "id: 5" violates primary key constraint.',
            "Duplicate key (id) violates primary key constraint.",
        ),
        ("Type INT32 with value 300 can't be cast", "Type INT32 with value ... can't be cast"),
        ("Overflow in addition of INT32 (2147483647 + 1)!", "Overflow in addition of INT32!"),
        ("Integer value 300 not in range: -128 to 127", "Integer value ... not in range: -128 to 127"),
        ("UNIQUE constraint failed: t.name", "UNIQUE constraint failed: t.name"),
        ("Column 'zz' could not be resolved", "Column 'zz' could not be resolved"),
        ('Referenced column "nam" not found', 'Referenced column "nam" not found'),
        ('Candidate bindings: "name", "v"', 'Candidate bindings: "name", "v"'),
        ("column name \"id\" (use: 'a.id' or 'b.id')", "column name \"id\" (use: 'a.id' or 'b.id')"),
        ('near "selec": syntax error', 'near "selec": syntax error'),
        ("near \"'abc'\": syntax error", "near ...: syntax error"),
        ("Expecting ',' delimiter: line 1 column 28", "Expecting ',' delimiter: line 1 column 28"),
        ("'list' object has no attribute 'items'", "'list' object has no attribute 'items'"),
        ("database is locked", "database is locked"),
        ("", ""),
    ],
)
def test_names_stay_and_values_go(message: str, left: str) -> None:
    assert redact(message) == left


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ('Cannot open file "/home/ann/my shop/x.duckdb": No such file', "Cannot open file x.duckdb: No such file"),
        ("unable to open database: /home/ann/x.db", "unable to open database: x.db"),
        ("[Errno 2] No such file or directory: '/home/ann/x.json'", "[Errno 2] No such file or directory: x.json"),
        ("Unable to open file /tmp/my shop/p.lance/data/1.lance: gone", "Unable to open file 1.lance: gone"),
        (
            "held in /usr/bin/python3 (PID 7). See https://duckdb.org/docs/x",
            "held in python3 (PID 7). See https://duckdb.org/docs/x",
        ),
        (r"cannot open 'C:\Users\ann\x.db'", "cannot open x.db"),
        (r"cannot open C:\Users\ann\x.db", "cannot open x.db"),
        ("not found: file:///home/ann/x.lance", "not found: x.lance"),
        ("GET https://bucket.example/x.parquet?sig=abc failed", "GET https://bucket.example/x.parquet failed"),
        ("postgresql://ann:pass@db.example.org/shop", "postgresql://db.example.org/shop"),
        ("either/or and 1/2 stay", "either/or and 1/2 stay"),
    ],
)
def test_places_are_cut_to_the_file_s_name(message: str, left: str) -> None:
    assert redact(message) == left


@given(st.text())
def test_any_text_is_taken_and_the_result_is_short(text: str) -> None:
    assert len(redact(text)) <= 603


@given(
    st.lists(
        st.sampled_from(["'", '"', " ", "/a", "key ", "value ", "(", ")", ": ", "\n", "LINE 1:", "x"]), max_size=2000
    )
)
def test_any_mixture_of_what_it_looks_for_is_taken(parts: list[str]) -> None:
    assert len(redact("".join(parts))) <= 603
