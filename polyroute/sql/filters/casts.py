"""Ask DuckDB what a text means as another type: the last word on odd spellings, after the readers of `coerce.py`.

DuckDB reads ' 5 ', '1e3' and 'yes' where Python would not, and rounds '1.504' to a DECIMAL(9,2) in its own way.
Rather than imitate it, one private in-memory connection is asked, in UTC like every session of ours. It is opened
when the first odd spelling turns up.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_lock = Lock()

_NAMES = {
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.time64("us"): "TIME",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
}


def duckdb_type(type_: pa.DataType) -> str | None:
    """Name the DuckDB type of a scalar Arrow type, or None where texts are not read as it.

    >>> duckdb_type(pa.decimal128(9, 2))
    'DECIMAL(9, 2)'
    """
    if pa.types.is_decimal(type_):
        return f"DECIMAL({type_.precision}, {type_.scale})" if type_.precision <= 38 else None
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        return "TIMESTAMPTZ" if type_.unit != "ns" else None
    if pa.types.is_date(type_):
        return "DATE"
    return _NAMES.get(type_)


@lru_cache(maxsize=4096)
def read_as(text: str, type_name: str) -> str | None:
    """Give DuckDB's spelling of a text read as a type, or None when it cannot be read.

    >>> read_as(" 1e3 ", "INTEGER"), read_as("x", "INTEGER")
    ('1000', None)
    """
    return ask(f"SELECT TRY_CAST(TRY_CAST($1 AS {type_name}) AS VARCHAR)", text)


def ask(query: str, text: str) -> str | None:
    """Give the single text that a query of ours answers for one text.

    >>> ask("SELECT lower($1)", "ꚄA")
    'ꚅa'
    """
    if not _is_utf8(text):
        return None
    with _lock:
        [[answer]] = _connection().execute(query, [text]).fetchall()
    return None if answer is None else str(answer)


def _is_utf8(text: str) -> bool:
    """Tell whether a text can be written in UTF-8, as DuckDB keeps texts; half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=1)
def _connection() -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})
    connection.execute("SET TimeZone = 'UTC'")
    return connection
