"""The rows that the suite loads, the same for every kind of engine, and plain-Python answers over them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from polyroute.engines.loading.sources import Source

if TYPE_CHECKING:
    from polyroute.engines.contract import Engine
    from polyroute.engines.loading.loader import LoadReport
    from polyroute.engines.testing.store import Store

SCHEMA = pa.schema(
    [
        ("k", pa.int64()),
        ("name", pa.string()),
        ("x", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("src", pa.string()),
        ("dst", pa.string()),
        ("v", pa.list_(pa.field("item", pa.float32()), 2)),
    ]
)

_NAN = float("nan")
_NAMES = ["ann", "Bob", None, "", "ünï", "a'b", "ann", None, 'q"t', "zoë"]
_NUMBERS = [1.5, None, _NAN, -0.0, 1e300, float("inf"), 1.5, 2.0, None, -7.25]
_FLAGS = [True, False, None, True, True, False, None, False, True, True]
_START = dt.datetime(2013, 3, 9, 22, 0)

Sample = dict[str, Any]


def sample_rows() -> list[Sample]:
    """Return ten rows with NULLs, NaN, odd texts and repeated values."""
    return [
        {
            "k": n,
            "name": _NAMES[n],
            "x": _NUMBERS[n],
            "flag": _FLAGS[n],
            "day": None if n == 4 else dt.date(2013, 1, 28 + n % 4),
            "at": _START + dt.timedelta(minutes=37 * n),
            "src": "ABCDE"[n % 5],
            "dst": "BCDEA"[(n * 2) % 5],
            "v": [float(n), 1.0],
        }
        for n in range(10)
    ]


def sample_table(rows: list[Sample] | None = None) -> pa.Table:
    """Return the rows as an Arrow table in the sample's schema."""
    rows = sample_rows() if rows is None else rows
    return pa.table([pa.array([r[f.name] for r in rows], f.type) for f in SCHEMA], schema=SCHEMA)


ROLES = {
    "graph": {"source": "src", "target": "dst"},
    "vector": {"vector": "v"},
    "timeseries": {"time": "at"},
}
KEYLESS = ("graph", "timeseries")


def roles_of(engine: Engine) -> dict[str, Any]:
    """Return the roles that the sample's columns have in an engine's kind."""
    return ROLES.get(engine.kind, {})


def key_of(engine: Engine) -> tuple[str, ...]:
    """Return the key that the sample has in an engine's kind."""
    return () if engine.kind in KEYLESS else ("k",)


def sample_source(batches: Callable[[], Iterator[pa.RecordBatch]], rows: int | None = None) -> Source:
    """Return batches in the sample's schema as something to load."""
    return Source(SCHEMA, batches, rows)


def load_sample(
    store: Store, name: str = "things", *, rows: list[Sample] | None = None, mode: str = "create"
) -> LoadReport:
    """Load the sample under a name, with the roles that the engine's kind needs, and a key where kinds have one."""
    return store.load(name, sample_table(rows), mode=mode, key=key_of(store.engine), **roles_of(store.engine))


def same(one: object, other: object) -> bool:
    """Compare values as databases do: NaN equals itself, and types count."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other):
        return True
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def same_rows(
    found: Sequence[tuple[object, ...]], expected: Sequence[tuple[object, ...]], *, ordered: bool = True
) -> bool:
    """Compare rows, as a multiset unless they are ordered."""
    if not ordered:
        found, expected = sorted(found, key=repr), sorted(expected, key=repr)
    return len(found) == len(expected) and all(
        all(map(same, f, e)) and len(f) == len(e) for f, e in zip(found, expected, strict=True)
    )


Test = Callable[[Sample], bool]

_LISTED = ("ann", "", "ünï", "a'b", 'q"t')

# filter, parameters, the same in Python; comparisons with NULL are not true, NaN is the greatest number
FILTERS: list[tuple[str, dict[str, object], Test]] = [
    ("k >= $n", {"n": 7}, lambda r: r["k"] >= 7),
    ("name = 'ann'", {}, lambda r: r["name"] == "ann"),
    ("name <> 'ann'", {}, lambda r: r["name"] not in ("ann", None)),
    ("NOT (name = 'ann')", {}, lambda r: r["name"] not in ("ann", None)),
    ("name IS NULL", {}, lambda r: r["name"] is None),
    ("name IS NOT NULL AND flag", {}, lambda r: r["name"] is not None and r["flag"] is True),
    ("flag = false OR k = 0", {}, lambda r: r["flag"] is False or r["k"] == 0),
    ("x > 1", {}, lambda r: r["x"] is not None and not r["x"] <= 1),
    ("x = 1.5", {}, lambda r: r["x"] == 1.5),
    ("k IN (1, 3, 99)", {}, lambda r: r["k"] in (1, 3)),
    ("k IN $ks", {"ks": [2, 4]}, lambda r: r["k"] in (2, 4)),
    ("k IN $ks", {"ks": list(range(2999, 2, -1))}, lambda r: r["k"] >= 3),
    ("k IN $ks AND x > 1", {"ks": [None, 2, 4, 4, 2**40] * 20}, lambda r: r["k"] in (2, 4)),
    ("k NOT IN $ks", {"ks": list(range(1, 40))}, lambda r: r["k"] == 0),
    ("k IN $ks", {"ks": []}, lambda r: False),
    ("name IN $ns", {"ns": ["ann", "", None, "bob", "ünï", "a'b", 'q"t', "\0"] * 9}, lambda r: r["name"] in _LISTED),
    ("name NOT IN $ns", {"ns": ["ann"] * 30}, lambda r: r["name"] not in ("ann", None)),
    ("day IN $ds OR k = 0", {"ds": [dt.date(2013, 1, 29)] * 30}, lambda r: r["k"] in (0, 1, 5, 9)),
    ("k BETWEEN 2 AND 4", {}, lambda r: 2 <= r["k"] <= 4),
    ("day >= '2013-01-30'", {}, lambda r: r["day"] is not None and r["day"] >= dt.date(2013, 1, 30)),
    ("at < $t", {"t": dt.datetime(2013, 3, 9, 23, 0)}, lambda r: r["at"] < dt.datetime(2013, 3, 9, 23, 0)),
    ("name = $n", {"n": "a'b"}, lambda r: r["name"] == "a'b"),
    ("name > 'a' AND name < 'b'", {}, lambda r: r["name"] is not None and "a" < r["name"] < "b"),
    ("k % 3 = 1", {}, lambda r: r["k"] % 3 == 1),
    ("k / 2 = 1.5", {}, lambda r: r["k"] == 3),
    ("upper(name) = 'BOB'", {}, lambda r: r["name"] == "Bob"),
    ("name LIKE 'a%'", {}, lambda r: r["name"] is not None and r["name"].startswith("a")),
    ("coalesce(name, 'none') = 'none'", {}, lambda r: r["name"] is None),
    ("name IS DISTINCT FROM 'ann'", {}, lambda r: r["name"] != "ann"),
    ("CASE WHEN flag THEN k > 2 ELSE false END", {}, lambda r: r["flag"] is True and r["k"] > 2),
]
