"""Whether two answers are the same: against what Python says of small ones, and for every logical type."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.router.federation.pairing import close, pair_up
from polyroute.router.federation.sameness import same_answer
from polyroute.sql.types import JSON

NAN = math.nan
NESTED = pa.struct([("a", pa.list_(pa.struct([("x", pa.float64()), ("t", pa.string())]))), ("n", pa.int64())])

VALUES: list[tuple[pa.DataType, list[object]]] = [
    (pa.null(), [None, None, None]),
    (pa.bool_(), [True, None, False]),
    (pa.int64(), [2**63 - 1, None, -1]),
    (pa.float32(), [0.1, None, NAN]),
    (pa.float64(), [0.1, -math.inf, NAN]),
    (pa.float16(), [np.float16(0.5), None, np.float16(1.5)]),
    (pa.string(), ["a", None, ""]),
    (pa.binary(), [b"a", None, b""]),
    (pa.date32(), [dt.date(2013, 1, 1), None, dt.date.min]),
    (pa.timestamp("us", "UTC"), [dt.datetime(2013, 1, 1, tzinfo=dt.UTC), None, dt.datetime(1, 1, 1, tzinfo=dt.UTC)]),
    (pa.time64("us"), [dt.time(1), None, dt.time(2)]),
    (pa.duration("us"), [dt.timedelta(1), None, dt.timedelta(2)]),
    (pa.month_day_nano_interval(), [pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0])]),
    (pa.decimal128(10, 2), [Decimal("1.10"), None, Decimal("0.00")]),
    (pa.decimal256(60, 2), [Decimal("1.10"), None, Decimal("0.00")]),
    (JSON, ['{"a": 1}', None, "[]"]),
    (pa.list_(pa.int64()), [[1, None], None, []]),
    (pa.list_(pa.float32(), 2), [[1.0, NAN], None, [0.0, 2.0]]),
    (pa.map_(pa.string(), pa.float64()), [[("a", 1.0)], None, []]),
    (pa.struct([]), [{}, None, {}]),
    (NESTED, [{"a": [{"x": 0.1, "t": "t"}, None], "n": 1}, None, {"a": None, "n": 2}]),
    (pa.list_(JSON), [['{"a":1}'], None, []]),
]


@pytest.mark.parametrize(("arrow_type", "values"), VALUES, ids=lambda v: str(v) if isinstance(v, pa.DataType) else "")
def test_every_type_is_compared(arrow_type: pa.DataType, values: list[object]) -> None:
    array = _array(values, arrow_type)
    left, turned = pa.table({"v": array}), pa.table({"v": array.take(pa.array([2, 0, 1]))})
    assert same_answer(left, pa.table({"v": pa.chunked_array([array.slice(0, 1), array.slice(1)])}), True) is None
    assert same_answer(left, turned, False) is None
    if not pa.types.is_null(arrow_type):
        assert same_answer(left, turned, True) is not None
        assert same_answer(left, pa.table({"v": array.take(pa.array([0, 0, 2]))}), False) is not None
    assert same_answer(left.slice(1), pa.table({"v": array.slice(1)}), False) is None
    assert same_answer(left.slice(0, 0), turned.slice(0, 0), True) is None


def _array(values: list[object], arrow_type: pa.DataType) -> pa.Array:
    if arrow_type == JSON:
        return pa.ExtensionArray.from_storage(JSON, pa.array(values, pa.string()))
    if pa.types.is_list(arrow_type) and arrow_type.value_type == JSON:
        plain = pa.array(values, pa.list_(pa.string()))
        items = pa.ExtensionArray.from_storage(JSON, plain.flatten())
        return pa.ListArray.from_arrays(plain.offsets, items, type=arrow_type, mask=plain.is_null())
    return pa.array(values, arrow_type)


def test_physical_forms_of_one_type_are_one() -> None:
    left = pa.table({"v": pa.array(["a", "b"], pa.large_string())})
    right = pa.table({"v": pa.array(["a", "b"]).dictionary_encode()})
    assert same_answer(left, right, True) is None


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ({"a": [1]}, {"a": [1], "b": [2]}, "there are 1 columns and 2"),
        ({"a": [1]}, {"b": [1]}, "column 1 is named 'a' and 'b'"),
        ({"a": [1]}, {"a": ["1"]}, "column 'a' is of type int64 and of type string"),
        ({"a": [1]}, {"a": [1.0]}, "column 'a' is of type int64 and of type double"),
        ({"a": [1, 1]}, {"a": [1]}, "there are 2 rows and 1"),
        ({"a": [1, 1, 2]}, {"a": [1, 2, 2]}, "column 'a' holds other values, or other numbers of them"),
        ({"a": [1], "b": [0.5]}, {"a": [1], "b": [0.6]}, "column 'b' holds other values, or other numbers of them"),
        (
            {"a": [1, 2], "b": [3, 4]},
            {"a": [1, 2], "b": [4, 3]},
            "every column holds the same values, but the rows put them together differently",
        ),
    ],
)
def test_a_difference_is_told_without_values(
    left: dict[str, list[object]], right: dict[str, list[object]], told: str
) -> None:
    assert same_answer(pa.table(left), pa.table(right), False) == told


def test_a_difference_in_order_is_told_with_its_place() -> None:
    left = pa.table({"a": [1, 2, 3], "b": [[0.1], [0.2, 0.3], [0.4]]})
    told = same_answer(left, left.set_column(1, "b", pa.array([[0.1], [0.2, 0.5], [0.4]])), True)
    assert told == "column 'b' differs in 1 of 3 rows, first in row 2"
    assert same_answer(left, left.take([1, 0, 2]), True) == "column 'a' differs in 2 of 3 rows, first in row 1"


def test_rows_that_tie_in_the_order_may_come_in_any() -> None:
    left = pa.table({"k": [1, 1, 2], "v": ["a", "b", "c"]})
    assert same_answer(left, left.take([1, 0, 2]), True) is not None
    assert same_answer(left, left.take([1, 0, 2]), True, order_by=(0,)) is None
    assert same_answer(left, left.take([2, 0, 1]), True, order_by=(0,)) is not None
    changed = pa.table({"k": [1, 1, 2], "v": ["a", "a", "c"]})
    assert same_answer(left, changed, True, order_by=(0,)) is not None


def test_json_is_compared_by_value() -> None:
    def json_column(*texts: str) -> pa.Table:
        return pa.table({"j": pa.ExtensionArray.from_storage(JSON, pa.array(texts))})

    left = json_column('{"a": 1, "b": [1, 2]}', "1", "broken")
    assert same_answer(left, json_column('{"b":[1,2],"a":1}', "1", "broken"), True) is None
    assert same_answer(left, json_column('{"b":[2,1],"a":1}', "1", "broken"), True) is not None


def test_floats_may_differ_in_the_last_digits_only() -> None:
    left = pa.table({"v": [0.1 + 0.2, 1e300, 0.0, NAN, math.inf]})
    assert same_answer(left, pa.table({"v": [0.3, 1e300 * (1 + 1e-12), -0.0, NAN, math.inf]}), True) is None
    for wrong in ([0.3 + 1e-8, 1e300, 0.0, NAN, math.inf], [0.3, 1e300, 0.0, NAN, -math.inf]):
        assert same_answer(left, pa.table({"v": wrong}), False) is not None
    assert same_answer(pa.table({"v": [1.0]}), pa.table({"v": [None]}, left.schema), False) is not None


def test_digits_do_not_decide_which_rows_belong_together() -> None:
    tiny = 1e-12
    left = pa.table({"a": [1.0, 1.0 + tiny, 1.0], "b": [1.0, 2.0, 3.0]})
    right = pa.table({"a": [1.0 + tiny, 1.0, 1.0 + tiny], "b": [1.0, 2.0, 3.0]})
    assert same_answer(left, right, False) is None
    assert same_answer(left, right.set_column(1, "b", pa.array([1.0, 2.0, 4.0])), False) is not None


def test_a_pairing_is_mended_along_a_path() -> None:
    # sorted by the first column, the second left row takes the only right row that the first one fits
    step, tiny = 0.9e-9, 1e-12
    left = np.array([[1.0, 1 + step], [1.0 + tiny, 1.0]])
    right = np.array([[1.0, 1 - step], [1.0 + tiny, 1 + step / 2]])
    groups = np.zeros(2, np.int64)
    assert close(left, right).all(axis=1).tolist() == [False, True]
    assert pair_up(groups, left, groups, right)
    right[0, 1] = 1 - 2 * step
    assert not pair_up(groups, left, groups, right)


small = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, 1.0 - 1e-12, 2.0, NAN, math.inf]))
rows = st.lists(st.tuples(st.sampled_from(["a", "b", None]), small, st.lists(small, max_size=2)), max_size=8)


@given(rows, rows, st.randoms(use_true_random=False), st.booleans())
@settings(derandomize=True, max_examples=300)
def test_python_says_the_same(
    one: list[tuple[object, ...]], other: list[tuple[object, ...]], random: object, shuffled: bool
) -> None:
    if shuffled:
        other = list(one)
        random.shuffle(other)  # type: ignore[attr-defined]
    expected = len(one) == len(other) and _rounded(one) == _rounded(other)
    assert (same_answer(_table(one), _table(other), False) is None) == expected
    in_order = len(one) == len(other) and all(_rounded([a]) == _rounded([b]) for a, b in zip(one, other, strict=True))
    assert (same_answer(_table(one), _table(other), True) is None) == in_order


def _table(given: list[tuple[object, ...]]) -> pa.Table:
    schema = pa.schema([("t", pa.string()), ("f", pa.float64()), ("l", pa.list_(pa.float64()))])
    columns = list(zip(*given, strict=True)) or [(), (), ()]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _rounded(given: list[tuple[object, ...]]) -> Counter[str]:
    def plain(value: object) -> object:
        if isinstance(value, float):
            return str(round(value, 6) + 0.0)
        return [plain(v) for v in value] if isinstance(value, list) else value

    return Counter(repr([plain(v) for v in row]) for row in given)


def test_close_knows_the_edges_of_doubles() -> None:
    a = np.array([1e308, 5e-324, math.inf, NAN, 0.0])
    b = np.array([-1e308, 0.0, 1e308, 0.0, -0.0])
    assert close(a, b).tolist() == [False, False, False, False, True]
