"""Vectors between Arrow and NumPy: what a vector column may hold, and its matrix.

A stored vector is NULL or finite throughout: NaN, an infinity or a NULL among the numbers is refused before anything is
written. What another program stored regardless never matches a search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from polyroute.errors import invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyroute.engines.vector.exact import Matrix


def check_type(column: str, arrow_type: pa.DataType) -> None:
    """Raise QUERY_INVALID, naming the column, for a type that no vector has."""
    if not pa.types.is_fixed_size_list(arrow_type) or not pa.types.is_floating(arrow_type.value_type):
        raise invalid(
            f"the vector column {column!r} is of type {arrow_type}",
            hint="a vector is a list of float16, float32 or float64 with one length: fixed_size_list<float>[n]",
        )
    if arrow_type.list_size == 0:
        raise invalid(f"the vectors of column {column!r} have dimension 0", hint="load vectors of at least one number")


def check_vectors(column: str, array: pa.FixedSizeListArray, first_row: int = 0) -> None:
    """Raise QUERY_INVALID, naming column and row (counted from `first_row`), for a vector that is not finite."""
    matrix, valid = matrix_of(array)
    bad = valid & ~np.isfinite(matrix).all(axis=1)
    if bad.any():
        raise invalid(
            f"the vector in row {first_row + int(np.argmax(bad))} of column {column!r} holds NaN, None or infinity",
            hint="replace such numbers, or make the whole vector NULL: such a row is kept and never matches",
        )


def matrix_of(array: pa.FixedSizeListArray) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return a column as a matrix (n x d) and which of its rows are not NULL; a NULL among the numbers shows as NaN.
    float16 becomes float32.
    """
    size = array.type.list_size
    values = array.values.slice(array.offset * size, len(array) * size)
    numbers = values.to_numpy(zero_copy_only=False)
    if numbers.dtype not in (np.float32, np.float64):
        numbers = numbers.astype(np.float32)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return numbers.reshape(len(array), size), valid
