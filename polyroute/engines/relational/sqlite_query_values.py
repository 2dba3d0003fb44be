"""What an expression of a SELECT is while it is written for SQLite: its text, the type DuckDB gives it, its dangers.

SQLite has no types to speak of, so the type of every expression is inferred from the schemas of the datasets. Where the
two engines would differ only on some data (a whole number that leaves its type, NaN, a division by zero), the value
carries a guard: a condition in SQL that raises while it runs, and the statement is then answered elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pyarrow as pa

from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.literals import NO_LITERAL

MAX_TEXT = 60_000
"""How long the text of one expression may grow."""

_EXACT = 2**53
_DIGITS = 15
_FAILS = "abs(-9223372036854775807 - "


@dataclass(frozen=True, slots=True)
class Value:
    """One expression.

    Attributes:
        sql: its text, which evaluates to the stored form (`sqlite_forms`) of its type.
        type: its logical type; of whole numbers at least so wide, and of sums `wide` stands beside it.
        wide: whether DuckDB computes it in 128 bits.
        guards: conditions, each of which means that DuckDB would answer otherwise.
        ordered: whether stored forms compare as the logical values do.
        literal: the Python value of a constant.
        column: whether it is a column as stored, so that its type is DuckDB's exactly.
        nan: whether it may be NaN, which is stored as a text.
        scale: of a decimal whose text gives its units (`sqlite_query_decimals`), how many of its digits are behind the
            point.
    """

    sql: str
    type: pa.DataType
    wide: bool = False
    guards: tuple[str, ...] = ()
    ordered: bool = True
    literal: object = NO_LITERAL
    column: bool = False
    nan: bool = False
    scale: int | None = None

    @property
    def checked(self) -> str:
        """The text with its guards: SQLite raises 'integer overflow' where one of them holds."""
        if not self.guards:
            return self.sql
        broken = " OR ".join(self.guards)
        # not a constant, which SQLite might compute before it is needed; abs has no answer for the smallest integer
        text = f"CASE WHEN {broken} THEN {_FAILS}({broken})) ELSE {self.sql} END"
        if len(text) > MAX_TEXT:
            raise Unsupported("an expression that is too long")
        return text

    @property
    def is_guarded(self) -> bool:
        """Whether it, or anything it is made of, has a guard."""
        return bool(self.guards) or _FAILS in self.sql

    @property
    def kind(self) -> str | None:
        """The kind of its values, 'null' for what is always NULL."""
        return "null" if pa.types.is_null(self.type) else domain(self.type)


def truth(sql: str) -> Value:
    """Return a condition: 0, 1 or NULL."""
    return Value(sql, pa.bool_())


def require_whole(value: Value, what: str) -> Value:
    """Return a signed whole number as it is; `Unsupported` for anything else."""
    if value.kind != "integer" or pa.types.is_unsigned_integer(value.type):
        raise Unsupported(f"{what} of {told(value)}")
    return value


def require_ordered(value: Value, what: str) -> Value:
    """Return a value whose stored form compares as its type does; `Unsupported` for any other."""
    if not value.ordered:
        raise Unsupported(f"{what} of {told(value)}, which SQLite stores in a form that does not compare as its type")
    return value


def require_text(value: Value, what: str) -> Value:
    """Return a text as it is; `Unsupported` for anything else."""
    if value.kind != "string" or not value.ordered:
        raise Unsupported(f"{what} of {told(value)}")
    return value


def require_condition(value: Value) -> Value:
    """Return a boolean as it is; `Unsupported` for anything else."""
    if value.kind not in ("bool", "null"):
        raise Unsupported(f"a condition that is {told(value)}")
    return value


def told(value: Value) -> str:
    """Name a value's type for a refusal."""
    return "a 128-bit number" if value.wide else f"type {value.type}"


def whole_result(sql: str, operands: Sequence[Value]) -> Value:
    """Return whole-number arithmetic in DuckDB's type of its operands, guarded against leaving it."""
    bits = common_bits(operands)
    wide = any(v.wide for v in operands)
    if wide or bits == 64:
        leaves = f"typeof({sql}) = 'real'"
    else:
        leaves = f"({sql}) NOT BETWEEN {-(2 ** (bits - 1))} AND {2 ** (bits - 1) - 1}"
    return Value(sql, WHOLE[bits], wide=wide, guards=merged_guards(operands, leaves))


def double_result(sql: str, operands: Sequence[Value], *guards: str) -> Value:
    """Return a DOUBLE, with the guards of its operands and further ones."""
    return Value(sql, pa.float64(), guards=merged_guards(operands, *guards))


def merged_guards(operands: Sequence[Value], *guards: str) -> tuple[str, ...]:
    """Return the guards of all operands and further ones, each once."""
    return tuple(dict.fromkeys([*(g for v in operands for g in v.guards), *guards]))


def as_double(value: Value) -> Value:
    """Return a number as DuckDB casts it to DOUBLE."""
    if value.literal is not NO_LITERAL:
        return replace(value, sql=_double_text(value), type=pa.float64(), wide=False, scale=None)
    guards = value.guards
    if value.scale is not None:
        guards = (*guards, f"({value.sql}) NOT BETWEEN {-_EXACT} AND {_EXACT}")
        return Value(f"(CAST({value.sql} AS REAL) / 1e{value.scale})", pa.float64(), guards=guards)
    if value.kind == "float":
        if value.nan:
            guards = (*guards, f"typeof({value.sql}) = 'text'")
    elif value.kind != "integer" or pa.types.is_unsigned_integer(value.type):
        raise Unsupported(f"a number made of {told(value)}")
    elif value.wide:
        guards = (*guards, f"({value.sql}) NOT BETWEEN {-_EXACT} AND {_EXACT}")
    return Value(f"CAST({value.sql} AS REAL)", pa.float64(), guards=guards)


def _double_text(value: Value) -> str:
    number = value.literal
    if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= _EXACT:
        return repr(float(number))
    if isinstance(number, Decimal) and len(number.as_tuple().digits) <= _DIGITS:
        return repr(float(number))
    raise Unsupported("a constant that is no plain number")


WHOLE = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
"""Signed whole numbers by their width."""


def common_bits(values: Sequence[Value]) -> int:
    """Return the width of whole numbers together: a constant takes the type beside it, and alone is an INTEGER."""
    bits = max(_bits(v) for v in values)
    return max(bits, 32) if all(v.literal is not NO_LITERAL for v in values) else bits


def _bits(value: Value) -> int:
    if isinstance(value.literal, int):
        return _literal_bits(value.literal)
    return int(value.type.bit_width)


def _literal_bits(number: int) -> int:
    return next((bits for bits in WHOLE if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)), 64)
