"""What the filter tests share: one DuckDB connection in UTC."""

from __future__ import annotations

import pytest

from .oracle import connect


@pytest.fixture(scope="module")
def duck():
    connection = connect()
    yield connection
    connection.close()
