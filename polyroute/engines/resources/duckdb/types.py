"""Which DuckDB type holds a logical type, and which logical type a DuckDB column of somebody else's has.

Every logical type is stored in the DuckDB type that means the same in SQL (a duration is an INTERVAL, not a number),
so a filter, a join or an aggregate inside the file sees what any other route would see. Where that type is wider than
the logical one, a CHECK keeps out what could not be given back. DuckDB types without an Arrow counterpart are read
through a cast: enumerations, UUIDs, bit strings, BIGNUM and TIMETZ as text, HUGEINT as a decimal of 38 digits, UNION,
VARIANT and TUPLE as JSON, GEOMETRY as WKB.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from polyroute.sql.filters.to_sql import quote_double as quote
from polyroute.sql.types import JSON, is_json

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_MAX_PRECISION = 38
_MAX_ARRAY = 100_000
_UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}

_SCALARS: dict[pa.DataType, str] = {
    pa.null(): '"NULL"',
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
    pa.month_day_nano_interval(): "INTERVAL",
}

_READ_AS_IS: dict[str, pa.DataType] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "utinyint": pa.uint8(),
    "usmallint": pa.uint16(),
    "uinteger": pa.uint32(),
    "ubigint": pa.uint64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "blob": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "time_ns": pa.time64("ns"),
    "timestamp": pa.timestamp("us"),
    "timestamp_s": pa.timestamp("s"),
    "timestamp_ms": pa.timestamp("ms"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamptz_ns": pa.timestamp("ns", "UTC"),
    "interval": pa.month_day_nano_interval(),
}
_READ_CAST: dict[str, pa.DataType] = {
    "hugeint": pa.decimal128(_MAX_PRECISION, 0),
    "uhugeint": pa.decimal128(_MAX_PRECISION, 0),
    "variant": JSON,
    "union": JSON,
    "tuple": JSON,
    "geometry": pa.binary(),
}


class Refused(ValueError):
    """Say why a logical type cannot be kept."""


def refusal(arrow_type: pa.DataType) -> str | None:
    """Tell why DuckDB cannot give a logical type back as it was loaded, or None when it can.

    >>> refusal(pa.list_(pa.int8())), refusal(pa.decimal256(50, 2))
    (None, 'DuckDB keeps decimals of at most 38 digits')
    """
    try:
        storage_type(arrow_type)
    except Refused as exc:
        return str(exc)
    return None


@lru_cache(maxsize=1024)
def storage_type(arrow_type: pa.DataType) -> str:
    """Return the DuckDB type, as SQL text, that holds a logical type.

    Raises `Refused` with the reason when there is none.

    >>> storage_type(pa.struct([("a", pa.list_(pa.timestamp("ms", "Europe/Paris")))]))
    'STRUCT("a" TIMESTAMPTZ[])'
    """
    t = pa.types
    if is_json(arrow_type):
        return "JSON"
    if arrow_type in _SCALARS:
        return _SCALARS[arrow_type]
    if t.is_fixed_size_binary(arrow_type):
        return "BLOB"
    if t.is_duration(arrow_type):
        return "INTERVAL"
    if t.is_timestamp(arrow_type):
        return "TIMESTAMPTZ_NS" if arrow_type.unit == "ns" else "TIMESTAMPTZ"
    if t.is_decimal(arrow_type):
        return _decimal(arrow_type)
    if t.is_fixed_size_list(arrow_type):
        if not 1 <= arrow_type.list_size <= _MAX_ARRAY:
            raise Refused(f"DuckDB keeps fixed-size lists of 1 to {_MAX_ARRAY} items")
        return f"{storage_type(arrow_type.value_type)}[{arrow_type.list_size}]"
    if t.is_list(arrow_type):
        return f"{storage_type(arrow_type.value_type)}[]"
    if t.is_struct(arrow_type):
        return _struct(arrow_type)
    if t.is_map(arrow_type):
        return f"MAP({storage_type(arrow_type.key_type)}, {storage_type(arrow_type.item_type)})"
    raise Refused(f"DuckDB has no type for {arrow_type}")


def _decimal(arrow_type: pa.DataType) -> str:
    if arrow_type.precision > _MAX_PRECISION:
        raise Refused(f"DuckDB keeps decimals of at most {_MAX_PRECISION} digits")
    if not 0 <= arrow_type.scale <= arrow_type.precision:
        raise Refused("DuckDB keeps decimals with a scale between 0 and their precision")
    return f"DECIMAL({arrow_type.precision},{arrow_type.scale})"


def _struct(arrow_type: pa.StructType) -> str:
    names = [f.name for f in arrow_type]
    if not names or "" in names:
        raise Refused("DuckDB keeps structs with at least one field, all of them named")
    if len({n.lower() for n in names}) < len(names):
        raise Refused("DuckDB does not tell struct fields apart by case")
    return f"STRUCT({', '.join(f'{quote(f.name)} {storage_type(f.type)}' for f in arrow_type)})"


def column_check(name: str, arrow_type: pa.DataType) -> str | None:
    """Return the CHECK expression that keeps a column to its logical type, where DuckDB's type is wider."""
    t = pa.types
    column = quote(name)
    if t.is_fixed_size_binary(arrow_type):
        return f"octet_length({column}) = {arrow_type.byte_width}"
    zoned = t.is_timestamp(arrow_type) and arrow_type.tz is not None
    if (t.is_time32(arrow_type) or t.is_duration(arrow_type) or zoned) and arrow_type.unit in ("s", "ms"):
        return f"epoch_us({column}) % {1_000_000 // _UNITS_PER_SECOND[arrow_type.unit]} = 0"
    return None


def wire_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the Arrow type in which values of a logical type are handed to DuckDB.

    It is one that DuckDB reads, and reads exactly: DuckDB knows no half floats, and cuts durations to microseconds
    without a word.
    """
    t = pa.types
    if t.is_float16(arrow_type):
        return pa.float32()
    if t.is_decimal256(arrow_type):
        return pa.decimal128(arrow_type.precision, arrow_type.scale)
    if t.is_time32(arrow_type):
        return pa.time64("us")
    if t.is_duration(arrow_type):
        return pa.duration("us")
    if t.is_timestamp(arrow_type) and arrow_type.tz is not None and arrow_type.unit in ("s", "ms"):
        return pa.timestamp("us", arrow_type.tz)
    if is_json(arrow_type) or not t.is_nested(arrow_type):
        return arrow_type
    if t.is_map(arrow_type):
        return pa.map_(wire_type(arrow_type.key_type), wire_type(arrow_type.item_type))
    if t.is_struct(arrow_type):
        return pa.struct([f.with_type(wire_type(f.type)) for f in arrow_type])
    item = arrow_type.value_field.with_type(wire_type(arrow_type.value_type))
    return pa.list_(item, arrow_type.list_size) if t.is_fixed_size_list(arrow_type) else pa.list_(item)


def logical_of(kind: DuckDBPyType) -> tuple[pa.DataType, bool]:
    """Return the logical type of a DuckDB type, and whether values must be cast in SQL to have it.

    >>> import duckdb
    >>> logical_of(duckdb.sqltype("INTEGER[]"))
    (ListType(list<item: int32>), False)
    >>> logical_of(duckdb.sqltype("STRUCT(mood ENUM('good', 'bad'))"))
    (StructType(struct<mood: string>), True)
    """
    name = kind.id
    if str(kind) == "JSON":
        return JSON, False
    if name in _READ_AS_IS:
        return _READ_AS_IS[name], False
    if name == "decimal":
        (_, precision), (_, scale) = kind.children
        return pa.decimal128(precision, scale), False
    if name in ("list", "array"):
        item, is_cast = logical_of(_child(kind, 0))
        field = pa.field("item", item)
        return (pa.list_(field, kind.children[1][1]) if name == "array" else pa.list_(field)), is_cast
    if name == "struct":
        fields = [(n, logical_of(_child(kind, i))) for i, (n, _) in enumerate(kind.children)]
        return pa.struct([(n, logical) for n, (logical, _) in fields]), any(is_cast for _, (_, is_cast) in fields)
    if name == "map":
        (key, key_cast), (item, item_cast) = logical_of(_child(kind, 0)), logical_of(_child(kind, 1))
        return pa.map_(key, item), key_cast or item_cast
    # whatever a later DuckDB adds has a text form
    return _READ_CAST.get(name, pa.string()), True


def _child(kind: DuckDBPyType, position: int) -> DuckDBPyType:
    return cast("DuckDBPyType", kind.children[position][1])
