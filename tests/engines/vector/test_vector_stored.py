"""What a vector column may hold, and how it becomes a matrix."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from polyroute.engines.vector.stored import check_type, check_vectors, matrix_of
from polyroute.errors import QueryError

NAN, INF = float("nan"), float("inf")


def column(values: list[list[float | None] | None], kind: pa.DataType = pa.float32()) -> pa.FixedSizeListArray:
    return pa.array(values, pa.list_(kind, 2))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.list_(pa.float32()), pa.list_(pa.int64(), 3), pa.list_(pa.string(), 2), pa.float32()]
)
def test_other_types_are_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(QueryError, match="'emb' is of type"):
        check_type("emb", kind)


def test_a_vector_has_at_least_one_number() -> None:
    with pytest.raises(QueryError, match="dimension 0"):
        check_type("emb", pa.list_(pa.float32(), 0))
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        check_type("emb", pa.list_(kind, 1))


@pytest.mark.parametrize("bad", [[NAN, 1.0], [1.0, INF], [-INF, 0.0], [1.0, None], [None, None]])
def test_what_is_not_finite_is_refused_with_its_row(bad: list[float | None]) -> None:
    with pytest.raises(QueryError, match="row 12 of column 'emb'"):
        check_vectors("emb", column([[1.0, 2.0], None, bad, [NAN, 0.0]]), 10)


def test_null_vectors_are_allowed_whatever_lies_beneath() -> None:
    values = pa.array([1.0, 2.0, NAN, NAN], pa.float32())
    array = pa.FixedSizeListArray.from_arrays(values, 2, mask=pa.array([False, True]))
    check_vectors("emb", array)
    matrix, valid = matrix_of(array)
    assert valid.tolist() == [True, False]
    assert matrix[0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_slice_gives_its_own_rows(kind: pa.DataType) -> None:
    rows = [[float(n), n + 0.5] for n in range(6)]
    array = (
        pa.array([[np.float16(x) for x in r] for r in rows], pa.list_(kind, 2))
        if kind == pa.float16()
        else column(rows, kind)
    )
    matrix, valid = matrix_of(array.slice(2, 3))
    assert matrix.tolist() == rows[2:5]
    assert matrix.dtype == (np.float64 if kind == pa.float64() else np.float32)
    assert valid.all()


def test_an_empty_or_missing_column_has_a_matrix_too() -> None:
    assert matrix_of(column([]))[0].shape == (0, 2)
    matrix, valid = matrix_of(pa.nulls(3, pa.list_(pa.float32(), 2)))
    assert matrix.shape == (3, 2)
    assert not valid.any()
