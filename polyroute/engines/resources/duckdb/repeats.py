"""Writes that come twice: a write with an idempotency key is remembered with what it did, and its repetition does
nothing.

The memory is a table of the file itself, written in the transaction of the write, so that both are there or neither
is. It goes back a week, far beyond any retry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from polyroute.engines.call import Call

_TABLE = "main._polyroute_writes"
_CREATE = f"CREATE TABLE IF NOT EXISTS {_TABLE} (token VARCHAR PRIMARY KEY, affected BIGINT, done TIMESTAMPTZ)"


def once(cursor: duckdb.DuckDBPyConnection, what: str, call: Call, work: Callable[[], int]) -> int:
    """Do a write inside an open transaction and return the rows affected, or what they were when it was done before.

    `what` tells writes apart that share a key: the operation and its dataset.
    """
    if call.idempotency_key is None:
        return work()
    token = f"{what} {call.idempotency_key}"
    cursor.execute(_CREATE)
    held = cursor.execute(f"SELECT affected FROM {_TABLE} WHERE token = ?", [token]).fetchall()
    if held:
        return int(held[0][0])
    affected = work()
    cursor.execute(f"DELETE FROM {_TABLE} WHERE done < now() - INTERVAL 7 DAYS")
    cursor.execute(f"INSERT INTO {_TABLE} VALUES (?, ?, now())", [token, affected])
    return affected
