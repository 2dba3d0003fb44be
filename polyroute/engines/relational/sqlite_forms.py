"""The form in which SQLite stores each logical type, for columns that polyroute made, and the way there and back.

Booleans are 0 and 1; decimals their digits; dates, times and timestamps ISO text of one width, so that text order is
time order; durations whole numbers of their unit; NaN, which SQLite lacks, the text 'NaN', which it orders after every
number as DuckDB does; what is nested, JSON. Whole columns go through Arrow, single values through Python functions of
the same meaning. A CHECK keeps other programs to these forms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.relational.sqlite_form import Decode, Form, OutOfRange, Value, by_int64, by_text, listed
from polyroute.engines.relational.sqlite_times import time_form
from polyroute.sql import codec
from polyroute.sql.types import is_json
from polyroute.values import array_from_values, column_values

_MAX_INT64 = 2**63 - 1
_FLOATS = "typeof({0}) IN ('real', 'null') OR {0} = 'NaN'"


def refusal(arrow_type: pa.DataType) -> str | None:
    """Tell why a type cannot be given back as loaded, or None when it can."""
    t = pa.types
    if t.is_interval(arrow_type):
        return "SQLite has no calendar interval"
    if t.is_union(arrow_type):
        return "SQLite has no union"
    if t.is_timestamp(arrow_type) and arrow_type.tz is not None and not _known_zone(arrow_type.tz):
        return "its time zone is not known"
    if isinstance(arrow_type, pa.BaseExtensionType) or not t.is_nested(arrow_type):
        return None
    names = [f.name for f in arrow_type] if t.is_struct(arrow_type) else []
    if len(set(names)) < len(names):
        return "a struct has two fields of one name"
    for inner in _inner_types(arrow_type):
        if getattr(inner, "unit", None) == "ns":
            return "nanoseconds inside a nested value would be cut to microseconds"
        reason = refusal(inner)
        if reason is not None:
            return reason
    return None


def _known_zone(name: str) -> bool:
    try:
        pa.lib.string_to_tzinfo(name)
    except (KeyError, ValueError):
        return False
    return True


def _inner_types(arrow_type: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_map(arrow_type):
        return [arrow_type.key_type, arrow_type.item_type]
    return [arrow_type.field(i).type for i in range(arrow_type.num_fields)]


@lru_cache(maxsize=1024)
def form_of(arrow_type: pa.DataType) -> Form:
    """Return the form of a logical type."""
    t = pa.types
    if t.is_boolean(arrow_type):
        return Form(arrow_type, "INTEGER", "{} IN (0, 1)", listed, by_int64(arrow_type), int, bool)
    if t.is_integer(arrow_type):
        return Form(arrow_type, "INTEGER", _int_range(arrow_type), _integers, _plain(arrow_type))
    if t.is_floating(arrow_type):
        encode_value = _nan_as_text
        return Form(arrow_type, "ANY", _FLOATS, _floats, _by_float64(arrow_type), encode_value, float)
    if is_json(arrow_type) or t.is_string(arrow_type):
        return Form(arrow_type, "TEXT", None, listed, _plain(arrow_type), ordered=not is_json(arrow_type))
    if t.is_binary(arrow_type) or t.is_fixed_size_binary(arrow_type):
        return Form(arrow_type, "BLOB", None, listed, _plain(arrow_type))
    if t.is_null(arrow_type):
        return Form(arrow_type, "ANY", "{} IS NULL", listed, _plain(arrow_type))
    return time_form(arrow_type) or _textual(arrow_type)


def _textual(arrow_type: pa.DataType) -> Form:
    if pa.types.is_decimal(arrow_type):
        encode_value = _decimal_text(arrow_type)
        return Form(arrow_type, "TEXT", None, _decimals, by_text(arrow_type), encode_value, Decimal, ordered=False)
    encode_value, decode_value = _to_json(arrow_type), _from_json(arrow_type)
    return Form(
        arrow_type,
        "TEXT",
        None,
        lambda array: [None if v is None else encode_value(v) for v in column_values(array)],
        lambda values: array_from_values([None if v is None else decode_value(v) for v in values], arrow_type),
        encode_value,
        decode_value,
        ordered=False,
    )


def _plain(arrow_type: pa.DataType) -> Decode:
    return lambda values: array_from_values(values, arrow_type)


def _int_range(arrow_type: pa.DataType) -> str | None:
    if arrow_type.bit_width == 64:
        return "{} >= 0" if pa.types.is_uint64(arrow_type) else None
    if pa.types.is_unsigned_integer(arrow_type):
        return f"{{}} BETWEEN 0 AND {2**arrow_type.bit_width - 1}"
    limit = 2 ** (arrow_type.bit_width - 1)
    return f"{{}} BETWEEN {-limit} AND {limit - 1}"


def _integers(array: pa.Array) -> list[Any]:
    if pa.types.is_uint64(array.type):
        largest = pc.max(array).as_py()
        if largest is not None and largest > _MAX_INT64:
            raise OutOfRange("an integer above 9223372036854775807, the largest that SQLite has")
    return listed(array)


def _floats(array: pa.Array) -> list[Any]:
    values = listed(array)
    if not pc.any(pc.is_nan(array.cast(pa.float64()))).as_py():
        return values
    return [None if v is None else _nan_as_text(v) for v in values]


def _nan_as_text(value: float) -> float | str:
    return "NaN" if math.isnan(value) else float(value)


def _by_float64(arrow_type: pa.DataType) -> Decode:
    def decode(values: Sequence[Any]) -> pa.Array:
        try:
            array = pa.array(values, pa.float64())
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array([None if v is None else float(v) for v in values], pa.float64())
        return array.cast(arrow_type)

    return decode


def _decimals(array: pa.Array) -> list[Any]:
    return listed(array.cast(pa.string()))


def _decimal_text(arrow_type: pa.DataType) -> Value:
    return lambda value: pa.scalar(value, arrow_type).cast(pa.string()).as_py()


def _to_json(arrow_type: pa.DataType) -> Value:
    encode = codec.encoder(arrow_type) or _same
    dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    return lambda value: dump(encode(value))


def _from_json(arrow_type: pa.DataType) -> Value:
    decode = codec.decoder(arrow_type)
    return json.loads if decode is None else lambda text: decode(json.loads(text))


def _same(value: Any) -> Any:
    return value
