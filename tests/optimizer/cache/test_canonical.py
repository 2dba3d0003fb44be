"""Differently written equal questions have one key, and questions with different answers never do.

Mutants are made by rules that keep the meaning; whether two filters are equal is then judged by the rows they pass, in
a table full of NULLs, NaN and edges.
"""

from __future__ import annotations

import itertools
import random

import pyarrow as pa
import pytest

from polyroute import operations as ops
from polyroute.engines import Dataset
from polyroute.engines.binding import bind
from polyroute.engines.local import evaluate
from polyroute.optimizer.cache import canonical_filter, canonical_key
from polyroute.sql.filters import parse_filter

SCHEMA = pa.schema({"a": pa.int64(), "b": pa.string(), "x": pa.float64(), "f": pa.bool_(), "d": pa.date32()})
_A, _B, _X = [None, -1, 0, 1, 2, 5], [None, "", "a", "A", "b|c"], [None, -1.5, 0.0, 2.5, float("nan"), float("inf")]
ROWS = [
    {"a": a, "b": b, "x": x, "f": f, "d": None if a is None else (10_000 + a)}
    for (a, b, x), f in zip(itertools.product(_A, _B, _X), itertools.cycle([None, True, False, True]), strict=False)
]
TABLE = pa.Table.from_pylist(
    [{**r, "d": None} for r in ROWS],
    schema=SCHEMA,
).set_column(4, "d", pa.array([r["d"] for r in ROWS], pa.int32()).cast(pa.date32()))


def passed(text: str, params: dict[str, object] | None = None) -> tuple[int, ...]:
    """Return the numbers of the rows that a filter passes."""
    numbered = TABLE.append_column("n", pa.array(range(TABLE.num_rows)))
    found = evaluate(numbered, columns=("n",), where=parse_filter(text, numbered.schema, params))
    return tuple(found["n"].to_pylist())


def key(text: str, params: dict[str, object] | None = None) -> str:
    return canonical_filter(parse_filter(text, SCHEMA, params))


EQUAL = [
    ("a = 1", "1 = a"),
    ("a > 1", "1 < A"),
    ("a >= 1", "NOT (a < 1)"),
    ("a <> 1", "NOT a = 1"),
    ("a != 1", "a NOT IN (1)"),
    ("a = 1", "a IN (1)"),
    ("a IN (1, 2)", "a IN (2, 1, 1)"),
    ("a IN (1, 2)", "a = 2 OR a = 1"),
    ("a NOT IN (1, 2)", "a <> 2 AND 1 <> a"),
    ("a BETWEEN 1 AND 5", "a >= 1 AND a <= 5"),
    ("x BETWEEN 0.5 AND 2.5", "2.5 >= x AND x >= 0.5"),
    ("a NOT BETWEEN 1 AND 5", "a < 1 OR 5 < a"),
    ("a = 1 AND b = 'a'", "b = 'a' AND (a = 1)"),
    ("a = 1 AND b = 'a' AND f", "f AND (b = 'a' AND a = 1)"),
    ("NOT (a = 1 OR b = 'a')", "b <> 'a' AND a <> 1"),
    ("NOT (a = 1 AND b = 'a')", "b <> 'a' OR a <> 1"),
    ("NOT NOT a = 1", "a = 1"),
    ("a = 1 AND a = 1", "a = 1"),
    ("a = 1 AND TRUE", "a = 1"),
    ("a = 1 OR FALSE", "a = 1"),
    ("a IS NOT NULL", "NOT (a IS NULL)"),
    ("a + 1 > 2", "2 < 1 + a"),
    ("a IS NOT DISTINCT FROM 1", "1 IS NOT DISTINCT FROM a"),
    ("(b) LIKE 'a%'", "b LIKE 'a%'"),
    ("a BETWEEN 1 AND 5 AND b = 'a'", "5 >= a AND b = 'a' AND 1 <= a"),
    ("d = DATE '1997-05-20'", "DATE '1997-05-20' = d"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_filters_share_a_key(one: str, other: str) -> None:
    assert passed(one) == passed(other)
    assert key(one) == key(other)


def test_values_count_not_the_way_they_came() -> None:
    assert key("a > $low AND b = $b", {"low": 1, "b": "a"}) == key("b = 'a' AND a > $x", {"x": 1})
    assert key("a IN $list", {"list": [2, 1]}) == key("a IN (1, 2)")


DIFFERENT = [
    "a = 1", "a = 2", "a <> 1", "a < 1", "a <= 1", "a > 1", "a >= 1", "a IS NULL", "a IS NOT NULL",
    "a IN (1, 2)", "a NOT IN (1, 2)", "a BETWEEN 1 AND 2", "a = 1 AND b = 'a'", "a = 1 OR b = 'a'",
    "b = 'a'", "b = 'A'", "b = ''", "b = 'b|c'", "b = 'x' OR b = 'b|c'", "b LIKE 'a%'", "b ILIKE 'a%'", "f", "NOT f",
    "x = 0.0", "x > 0.0", "x > 2.0", "x = 'nan'::DOUBLE", "a + 1 = 2", "a - 1 = 0", "1 - a = 0", "a < x", "x < a",
    "a = 1 AND TRUE", "a = 1 OR TRUE", "a = 1 AND FALSE", "a IS DISTINCT FROM 1", "NOT (a = 1 OR a = 2)", "b < 'a'",
    "'a' < b",
    "a = 1 AND (b = 'a' OR f)", "(a = 1 AND b = 'a') OR f",
]  # fmt: skip


def test_filters_of_one_key_pass_the_same_rows() -> None:
    by_key: dict[str, set[tuple[int, ...]]] = {}
    for text in [*DIFFERENT, *(t for pair in EQUAL for t in pair)]:
        by_key.setdefault(key(text), set()).add(passed(text))
    assert all(len(rows) == 1 for rows in by_key.values())


def test_texts_cannot_run_into_one_another() -> None:
    texts = [
        "b = 'a' AND b = 'c'",
        "b = 'a|c'",
        "b = 'column''a'''",
        "b IN ('a,c')",
        "b IN ('a', 'c')",
        "b = 'a'' AND b = ''c'",
    ]
    assert len({key(t) for t in texts}) == len(texts)


_ATOMS = ["a = 1", "a < 2", "x >= 0.0", "b = 'a'", "b IN ('a', 'A')", "a BETWEEN 0 AND 2", "f", "a IS NULL", "x < 2.5"]


def _random_filter(rng: random.Random, depth: int) -> object:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(_ATOMS)
    word = rng.choice(["and", "or", "not"])
    count = 1 if word == "not" else rng.randint(2, 3)
    return (word, *(_random_filter(rng, depth - 1) for _ in range(count)))


_MUTATED = {
    "a = 1": ["1 = a", "A = 1", "a IN (1)", "NOT (a <> 1)"],
    "a < 2": ["2 > a", "NOT (a >= 2)"],
    "x >= 0.0": ["0.0 <= x", "NOT (x < 0.0)"],
    "b = 'a'": ["'a' = b", "(b) = ('a')"],
    "b IN ('a', 'A')": ["b IN ('A', 'a')", "b = 'A' OR b = 'a'"],
    "a BETWEEN 0 AND 2": ["a >= 0 AND 2 >= a", "NOT (a < 0 OR a > 2)"],
    "f": ["(f)"],
    "a IS NULL": ["NOT (a IS NOT NULL)"],
    "x < 2.5": ["2.5 > x"],
}


def _text(tree: object, rng: random.Random | None) -> str:
    """Write a filter; with `rng` in another way of equal meaning."""
    if isinstance(tree, str):
        return f"({tree if rng is None else rng.choice([tree, *_MUTATED[tree]])})"
    assert isinstance(tree, tuple)
    word, *parts = tree
    if rng is not None and word != "not":
        rng.shuffle(parts)
        if rng.random() < 0.2:
            parts.append(rng.choice(parts))
        if rng.random() < 0.2:
            other = {"and": "OR", "or": "AND"}[word]
            return "(NOT (" + f" {other} ".join(f"NOT {_text(p, rng)}" for p in parts) + "))"
    if word == "not":
        return f"(NOT {_text(parts[0], rng)})"
    return "(" + f" {word.upper()} ".join(_text(p, rng) for p in parts) + ")"


def test_mutants_are_unified_and_no_key_is_shared_wrongly() -> None:
    rng = random.Random(7)
    unified = total = 0
    by_key: dict[str, tuple[int, ...]] = {}
    for _ in range(250):
        tree = _random_filter(rng, 3)
        plain = _text(tree, None)
        for text in (plain, _text(tree, rng), _text(tree, rng)):
            rows = passed(text)
            assert by_key.setdefault(key(text), rows) == rows, "one key, different rows"
            total += 1
            unified += key(text) == key(plain)
    assert unified / total >= 0.95


AIRPORTS = Dataset("airports", "relational", SCHEMA, ("a",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ops.Scan("airports"), ops.Scan("airports", columns=("a", "b", "x", "f", "d"))),
        (ops.Scan("airports", columns=("A",)), ops.Scan("airports", columns=("a",))),
        (ops.Scan("airports", order="a, b DESC"), ops.Scan("airports", order=["a ASC", "b DESC NULLS LAST", "a DESC"])),
        (ops.Scan("airports", part=None), ops.Scan("airports", part=None, where=None)),
        (ops.RelationalGet("airports", 1), ops.RelationalGet("airports", (1,))),
        (ops.DocumentFind("d", '{"b": 1, "a": 2}'), ops.DocumentFind("d", {"a": {"$eq": 2}, "b": 1}, skip=0)),
        (ops.DocumentCount("d", {"$or": [{"a": 1}, {"b": 2}]}), ops.DocumentCount("d", {"$or": [{"b": 2}, {"a": 1}]})),
    ],
)
def test_equal_operations_share_a_key(one: ops.Operation, other: ops.Operation) -> None:
    assert canonical_key(bind(AIRPORTS, one)) == canonical_key(bind(AIRPORTS, other)) is not None


def test_different_operations_do_not() -> None:
    asked: list[ops.Operation] = [
        ops.Scan("airports"),
        ops.Scan("airports", limit=1),
        ops.Scan("airports", limit=0),
        ops.Scan("airports", columns=("a", "b")),
        ops.Scan("airports", columns=("b", "a")),
        ops.Scan("airports", order="a"),
        ops.Scan("airports", order="a DESC"),
        ops.Scan("airports", order="a NULLS FIRST"),
        ops.Scan("airports", order="a, b"),
        ops.Scan("airports", order="b, a"),
        ops.RelationalGet("airports", 1),
        ops.RelationalGet("airports", 2),
        ops.RelationalGet("airports", 1, columns=("a",)),
        ops.DocumentFind("d", {"a": 1}),
        ops.DocumentFind("d", {"a": True}),
        ops.DocumentFind("d", {"a": 1.0}),
        ops.DocumentFind("d", {"a": "1"}),
        ops.DocumentFind("d", {"a": {"$gt": 1}}),
        ops.DocumentFind("d", {"a": {"x": 1, "y": 2}}),
        ops.DocumentFind("d", {"a": {"y": 2, "x": 1}}),
        ops.DocumentFind("d", {"$or": [{"a": 1}]}),
        ops.DocumentFind("d", {"$nor": [{"a": 1}]}),
        ops.DocumentFind("d", {"a": 1}, sort=["a"]),
        ops.DocumentFind("d", {"a": 1}, limit=1),
        ops.DocumentCount("d", {"a": 1}),
        ops.GraphQuery("g", "MATCH (n) RETURN n", {"x": 1}),
        ops.GraphQuery("g", "MATCH (n) RETURN n", {"x": "1"}),
    ]
    keys = [canonical_key(bind(AIRPORTS, op)) for op in asked]
    assert len(set(keys)) == len(asked)
