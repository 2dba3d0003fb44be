"""Logical values as plain JSON: what `--json` and `--csv` write."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

from polyroute.sql.types import is_json


def plain_value(value: Any, arrow_type: pa.DataType) -> object:
    """Return a logical value as one that JSON can hold; nothing is rounded.

    >>> plain_value(dt.date(2013, 2, 8), pa.date32()), plain_value(float("nan"), pa.float64())
    ('2013-02-08', 'NaN')
    """
    if value is None:
        return None
    if is_json(arrow_type):
        return json.loads(value)
    if pa.types.is_struct(arrow_type):
        return {f.name: plain_value(value[f.name], f.type) for f in arrow_type}
    if pa.types.is_map(arrow_type):
        return [[plain_value(k, arrow_type.key_type), plain_value(v, arrow_type.item_type)] for k, v in value]
    if isinstance(value, list):
        return [plain_value(item, arrow_type.value_type) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        seconds = Decimal(value // dt.timedelta(microseconds=1)) / 1_000_000
        return f"{'-' if seconds < 0 else ''}PT{abs(seconds):f}S"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value
