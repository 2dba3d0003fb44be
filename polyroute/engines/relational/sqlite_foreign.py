"""What a column holds that another program made: its type is read off the values.

SQLite stores any value in any column; a declaration only suggests a conversion. So a column's logical type follows from
the storage classes that were seen in it: whole numbers are int64, numbers of both kinds float64 as long as every whole
one is exact there, texts string, blobs binary; what is mixed further becomes string, or binary where there is a blob.
Types are optimistic: a class seen later widens the type, never a value. Dates stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.relational.sqlite_form import Decode, Form, OutOfRange, Value, listed
from polyroute.engines.relational.sqlite_forms import form_of

CLASSES = ("integer", "bigint", "real", "text", "blob")
"""SQLite's storage classes; 'bigint' are the integers that a double cannot hold."""

_EXACT = 2**53
_NUMERIC_TEXT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class Misfit(Exception):
    """Say that a value is of a storage class that its column's type does not take."""


def affinity(declared: str) -> str:
    """Return the conversion that a declared type suggests (SQLite's documentation, "Datatypes", 3.1).

    >>> affinity("VARCHAR(20)"), affinity("DATETIME"), affinity("")
    ('TEXT', 'NUMERIC', 'BLOB')
    """
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def shape(seen: frozenset[str], declared: str) -> tuple[pa.DataType, bool]:
    """Return the logical type of a column by the classes seen in it, and whether they are mixed beyond numbers."""
    if not seen:
        return _promised(declared), False
    if seen <= {"integer", "bigint"}:
        return pa.int64(), False
    if seen <= {"integer", "real"}:
        return pa.float64(), False
    if "blob" in seen:
        return pa.binary(), len(seen) > 1
    return pa.string(), seen != {"text"}


def _promised(declared: str) -> pa.DataType:
    upper = declared.upper()
    match affinity(declared):
        case "INTEGER":
            return pa.int64()
        case "REAL":
            return pa.float64()
        case "NUMERIC" if "BOOL" in upper:
            return pa.int64()
        case "NUMERIC" if "DATE" not in upper and "TIME" not in upper:
            return pa.float64()
        case "BLOB" if upper:
            return pa.binary()
        case _:
            return pa.string()


@lru_cache(maxsize=1024)
def fitting(seen: frozenset[str], declared: str) -> frozenset[str]:
    """Return the classes that a column may meet without a change of its type."""
    held = shape(seen, declared)
    return frozenset(c for c in CLASSES if shape(seen | {c}, declared) == held)


def class_of(value: object) -> str:
    """Return the storage class of a value that is not None."""
    match value:
        case int():
            return "integer" if -_EXACT <= value <= _EXACT else "bigint"
        case float():
            return "real"
        case str():
            return "text"
        case _:
            return "blob"


def class_sql(column: str) -> str:
    """Return the SQL for the storage class of a quoted column."""
    big = f"typeof({column}) = 'integer' AND {column} NOT BETWEEN {-_EXACT} AND {_EXACT}"
    return f"CASE WHEN {big} THEN 'bigint' ELSE typeof({column}) END"


def misfit_sql(column: str, fit: frozenset[str]) -> str | None:
    """Return the SQL that is true for a value of an unfitting class in a quoted column, None where every class fits."""
    if fit >= set(CLASSES):
        return None
    small_only = "integer" in fit and "bigint" not in fit
    listed_classes = ", ".join(f"'{c}'" for c in sorted(fit | {"null"}))
    return f"{class_sql(column) if small_only else f'typeof({column})'} NOT IN ({listed_classes})"


@lru_cache(maxsize=256)
def foreign_form(seen: frozenset[str], declared: str) -> Form:
    """Return how values of a foreign column are stored and read; its `decode_value` raises `Misfit`."""
    arrow_type, mixed = shape(seen, declared)
    numeric = affinity(declared) in ("INTEGER", "REAL", "NUMERIC")
    if pa.types.is_int64(arrow_type):
        return Form(arrow_type, declared, None, listed, _ints, None, _int)
    if pa.types.is_float64(arrow_type):
        return Form(arrow_type, declared, None, _finite, _floats, _number, _float)
    read: Value
    if pa.types.is_binary(arrow_type):
        read = _bytes_of if mixed else _bytes
        return Form(arrow_type, declared, None, listed, _decoding(read, arrow_type), None, read, ordered=not mixed)
    read = _text_of if mixed else _str
    encode = _texts_among_numbers if numeric else listed
    return Form(arrow_type, declared, None, encode, _decoding(read, arrow_type), None, read, ordered=not mixed)


def strict_form(arrow_type: pa.DataType) -> Form:
    """Return the form of a foreign column whose class SQLite itself guarantees (STRICT tables, row ids)."""
    if pa.types.is_float64(arrow_type):
        return Form(arrow_type, "REAL", None, _finite, form_of(arrow_type).decode, _number)
    return form_of(arrow_type)


def looks_numeric(text: str) -> bool:
    """Tell whether a column of a numeric affinity would turn a text into a number.

    >>> looks_numeric(" 1e3 "), looks_numeric("2013-01-01")
    (True, False)
    """
    return _NUMERIC_TEXT.fullmatch(text) is not None


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    raise Misfit


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return float(value)
    raise Misfit


def _str(value: Any) -> str:
    if type(value) is str:
        return value
    raise Misfit


def _bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise Misfit


def _text_of(value: Any) -> str:
    if type(value) is bytes:
        raise Misfit
    return value if type(value) is str else repr(value)


def _bytes_of(value: Any) -> bytes:
    return value if type(value) is bytes else _text_of(value).encode()


def _ints(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.int64())


def _floats(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.float64())


def _decoding(read: Value, arrow_type: pa.DataType) -> Decode:
    own = {bytes if pa.types.is_binary(arrow_type) else str, type(None)}

    def decode(values: Sequence[Any]) -> pa.Array:
        plain = set(map(type, values)) <= own  # as nearly always, and then nothing is to be read off single values
        return pa.array(values if plain else [None if v is None else read(v) for v in values], arrow_type)

    return decode


def _number(value: float) -> float:
    if value != value:
        raise OutOfRange("NaN, which SQLite has not")
    return value


def _finite(array: pa.Array) -> list[Any]:
    if pc.any(pc.is_nan(array)).as_py():
        raise OutOfRange("NaN, which SQLite has not")
    return listed(array)


def _texts_among_numbers(array: pa.Array) -> list[Any]:
    values = listed(array)
    for value in values:
        if value is not None and looks_numeric(value) and value != _as_number_text(value):
            raise OutOfRange("a text that SQLite would turn into a number and not give back as it was")
    return values


def _as_number_text(text: str) -> str:
    """Return what is read back of a text that a numeric column turned into a number."""
    try:
        return str(int(text)) if -(2**63) <= int(text) < 2**63 else ""
    except ValueError:
        return ""
