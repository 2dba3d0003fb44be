"""The columns of the datasets of a world: their types, and what fills them.

Floats are multiples of 0.25, so that every sum is exact and no answer depends on the order in which rows were added;
NaN, -0.0 and the infinities stand among them. Integers in `big` are beyond what a double holds. Texts differ in case,
are empty, look like numbers. Keys of one domain match across datasets, and some match nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

import pyarrow as pa

from tests.generated.kinds import Kind

Value = object

NODES = tuple(f"n{i}" for i in range(18))
NAMES = (
    "Ada",
    "ada",
    "ADA",
    "Bo",
    "Émile",
    "émile",
    "Straße",
    "STRASSE",
    "",
    " ",
    "10",
    "9",
    "007",
    "a_b",
    "50%",
    "żółw",
)
LABELS = ("red", "Red", "blue", "green", "", "10", "ß", "a'b", 'say "x"')
DIMENSIONS = 16
_DAY = dt.date(2020, 2, 27)
_START = dt.datetime(2020, 2, 27, 22, 30)
_BIG = (2**53 + 1, 2**53, -(2**53) - 1, 2**62, -1, 0, 1)


@dataclass(frozen=True, slots=True)
class Field:
    """A column to be made: its Arrow type, what fills it, and how often it is NULL."""

    name: str
    type: pa.DataType
    kind: Kind
    make: Callable[[Random], Value]
    domain: str = ""
    nulls: float = 0.2


def person(rng: Random) -> int:
    """Return a key of people; some are nobody's."""
    return rng.randrange(1, 45)


def team(rng: Random) -> int:
    """Return a key of teams."""
    return rng.randrange(1, 14)


def number(rng: Random) -> float:
    """Return a float whose sums are exact."""
    return rng.randrange(-160, 160) / 4


def odd_number(rng: Random) -> float:
    """Return a float, now and then one on which engines differ."""
    return rng.choice((float("nan"), -0.0, 0.0, float("inf"), float("-inf"))) if rng.random() < 0.15 else number(rng)


def amount(rng: Random) -> Decimal:
    """Return a sum of money."""
    return Decimal(rng.randrange(-5000, 50000)).scaleb(-2)


def day(rng: Random) -> dt.date:
    """Return a date around the leap day of 2020, rarely one far away."""
    return dt.date(1899, 12, 31) if rng.random() < 0.03 else _DAY + dt.timedelta(days=rng.randrange(25))


def moment(rng: Random) -> dt.datetime:
    """Return a time within a few days, some with fractions of a second."""
    fraction = rng.choice((0, 0, 0, 1, 500_000))
    return _START + dt.timedelta(minutes=10 * rng.randrange(900), microseconds=fraction)


def one_of(*values: Value) -> Callable[[Random], Value]:
    """Return a maker that picks among values."""
    return lambda rng: rng.choice(values)


_NAME = Field("name", pa.string(), Kind.TEXT, one_of(*NAMES), "name")
_PERSON = Field("person", pa.int64(), Kind.INT, person, "person")
_TEAM = Field("team", pa.int32(), Kind.INT, team, "team")
_SCORE = Field("score", pa.float64(), Kind.FLOAT, odd_number)
_ACTIVE = Field("active", pa.bool_(), Kind.BOOL, one_of(True, False))
_DAY_FIELD = Field("day", pa.date32(), Kind.DATE, day, "day")
_AT = Field("seen", pa.timestamp("us"), Kind.TIMESTAMP, moment, "at")
_NODE = Field("node", pa.string(), Kind.TEXT, one_of(*NODES, "nowhere", "N1"), "node")

PEOPLE = (
    Field("id", pa.int64(), Kind.INT, person, "person", 0.05),
    Field("boss", pa.int64(), Kind.INT, person, "person", 0.4),
    _TEAM,
    _NAME,
    _SCORE,
    _ACTIVE,
    Field("born", pa.date32(), Kind.DATE, day, "day"),
    Field("pay", pa.decimal128(9, 2), Kind.DECIMAL, amount),
    _NODE,
)
TEAMS = (
    Field("id", pa.int32(), Kind.INT, team, "team", 0.1),
    _NAME,
    Field("Odd Name", pa.string(), Kind.TEXT, one_of(*LABELS), "label"),
    Field("order", pa.int32(), Kind.INT, one_of(*range(6)), nulls=0.3),
    Field("budget", pa.decimal128(12, 2), Kind.DECIMAL, amount),
    Field("founded", pa.date32(), Kind.DATE, day, "day"),
    Field("Score", pa.float64(), Kind.FLOAT, number),
)
VISITS = (
    Field("id", pa.int64(), Kind.INT, one_of(*range(1, 200)), nulls=0.0),
    _PERSON,
    _TEAM,
    _AT,
    _SCORE,
    Field("note", pa.string(), Kind.TEXT, one_of(*NAMES, *LABELS), "name", 0.5),
    _DAY_FIELD,
    _NODE,
    Field("big", pa.int64(), Kind.WHOLE, one_of(*_BIG), "big"),
)
TAGS = (
    _PERSON,
    Field("label", pa.string(), Kind.TEXT, one_of(*LABELS), "label"),
    Field("weight", pa.float64(), Kind.FLOAT, number),
    _ACTIVE,
    _NODE,
    Field("big", pa.int64(), Kind.WHOLE, one_of(*_BIG), "big"),
)
BADGES = (
    Field("id", pa.int32(), Kind.INT, person, "person", 0.1),
    Field("label", pa.string(), Kind.TEXT, one_of(*LABELS), "label"),
    Field("since", pa.timestamp("us"), Kind.TIMESTAMP, moment, "at"),
    Field("day", pa.date32(), Kind.DATE, day, "day", 0.5),
    Field("price", pa.decimal128(9, 2), Kind.DECIMAL, amount),
)
NOTHING = (_PERSON, _NAME, _SCORE, _DAY_FIELD)
SINGLE = (_TEAM, _NAME, _DAY_FIELD, Field("price", pa.decimal128(9, 2), Kind.DECIMAL, amount))
LINKS = (
    Field("src", pa.string(), Kind.TEXT, one_of(*NODES), "node", 0.0),
    Field("dst", pa.string(), Kind.TEXT, one_of(*NODES), "node", 0.0),
    Field("km", pa.float64(), Kind.FLOAT, lambda rng: rng.randrange(1, 60) / 4, nulls=0.0),
    Field("line", pa.string(), Kind.TEXT, one_of(*LABELS), "label"),
    _TEAM,
)
READINGS = (
    Field("seen", pa.timestamp("us"), Kind.TIMESTAMP, moment, "at", 0.0),
    Field("station", pa.string(), Kind.TEXT, one_of(*NODES[:6]), "node", 0.1),
    Field("value", pa.float64(), Kind.FLOAT, number),
    _TEAM,
)
PASSAGES = (
    Field("passage_id", pa.int64(), Kind.INT, person, nulls=0.0),
    _TEAM,
    Field("section", pa.string(), Kind.TEXT, one_of(*LABELS), "label"),
    _DAY_FIELD,
)
