"""Classes of queries: alike but for values is alike; everything else is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from polyroute.engines import BoundSelect
from polyroute.operations import Operation, RelationalGet, Scan, VectorSearch
from polyroute.optimizer import features, fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RelationalGet("t", 1), RelationalGet("t", 2)),
        (Scan("t", where="a = 1 AND b = 'x'"), Scan("t", where="a = 27 AND b = 'it''s'")),
        (Scan("t", where="a = $p", params={"p": 1}), Scan("t", where="a = $p", params={"p": 2})),
        (Scan("t", limit=100), Scan("t", limit=120)),
        (BoundSelect("SELECT a FROM t WHERE b > 1.5", ("t",)), BoundSelect("SELECT a FROM t WHERE b > 2", ("t",))),
        (VectorSearch("t", [1.0, 2.0]), VectorSearch("t", [3.0, 4.0])),
    ],
)
def test_values_do_not_tell_classes_apart(one: Operation | BoundSelect, other: Operation | BoundSelect) -> None:
    assert fingerprint(one) == fingerprint(other)


def test_shapes_do() -> None:
    ops: list[Operation | BoundSelect] = [
        RelationalGet("t", 1),
        RelationalGet("u", 1),
        Scan("t"),
        Scan("t", limit=10),
        Scan("t", limit=10_000),
        Scan("t", where="a = 1"),
        Scan("t", where="a1 = 1"),
        Scan("t", where="a > 1"),
        Scan("t", columns=("a",)),
        BoundSelect("SELECT a FROM t", ("t",)),
        BoundSelect("SELECT count(*) FROM t", ("t",)),
    ]
    assert len({fingerprint(op) for op in ops}) == len(ops)


def test_a_fingerprint_is_a_text_that_means_the_same_tomorrow() -> None:
    code = """
from polyroute.operations import Scan
from polyroute.optimizer import fingerprint
print(fingerprint(Scan("t")))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == fingerprint(Scan("t"))


def test_features_are_as_many_for_every_operation() -> None:
    ops: list[Operation | BoundSelect] = [RelationalGet("t", 1), Scan("t"), BoundSelect("SELECT 1", ())]
    assert len({len(features(op, 10)) for op in ops}) == 1
    assert features(Scan("t"), None) != features(Scan("t"), 10_000)
