"""Write values as SQL: each kind has one way to write every value, NaN and -0.0 included."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from random import Random

from tests.generated.fields import LABELS, NAMES, amount, day, moment, number
from tests.generated.kinds import Column, Kind

NAMES_OF_TYPES = {
    Kind.INT: "BIGINT",
    Kind.WHOLE: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.DECIMAL: "DECIMAL(12, 2)",
    Kind.TEXT: "VARCHAR",
    Kind.BOOL: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.LIST: "VARCHAR[]",
}


def written(value: object) -> str:
    """Return a value as a SQL literal of its own type.

    >>> [written(v) for v in (True, 1.5, "a'b", None, float("nan"))]
    ['true', '1.5::DOUBLE', "'a''b'", 'NULL', "'nan'::DOUBLE"]
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        odd = math.isnan(value) or math.isinf(value) or value == 0
        return f"'{value}'::DOUBLE" if odd else f"{value}::DOUBLE"
    if isinstance(value, dt.datetime):
        return f"TIMESTAMP '{value}'"
    if isinstance(value, dt.date):
        return f"DATE '{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    assert isinstance(value, int | Decimal)
    return str(value)


def sample(rng: Random, kind: Kind) -> object:
    """Return some value of a kind."""
    if kind is Kind.INT:
        return rng.randrange(-3, 45)
    if kind is Kind.WHOLE:
        return rng.choice((2**53, 2**53 + 1, 0))
    if kind is Kind.FLOAT:
        return number(rng)
    if kind is Kind.DECIMAL:
        return amount(rng)
    if kind is Kind.BOOL:
        return rng.random() < 0.5
    if kind is Kind.DATE:
        return day(rng)
    if kind is Kind.TIMESTAMP:
        return moment(rng)
    return rng.choice((*NAMES, *LABELS, "n1", "n2"))


def value_like(rng: Random, column: Column) -> object:
    """Return a value that a column may well hold."""
    if column.samples and rng.random() < 0.85:
        return rng.choice(column.samples)
    return sample(rng, column.kind)
