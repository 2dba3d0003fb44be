"""Writes that come twice to a SQLite file: one with an idempotency key is remembered with what it did, and its
repetition does nothing.

The memory is a table of the file itself, written in the transaction of the write, so that both are there or neither
is. It goes back a week, far beyond any retry.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable

from polyroute.engines.call import Call
from polyroute.errors import invalid
from polyroute.result import Rows

TABLE = "_polyroute_writes"
_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (token TEXT PRIMARY KEY, affected INTEGER, keys TEXT, done_s REAL) STRICT"
)
_KEPT_S = 7 * 24 * 3600.0


def once(writer: sqlite3.Connection, what: str, call: Call, work: Callable[[], Rows]) -> Rows:
    """Do a write inside an open transaction and return its answer, or what that was when it was done before.

    `what` tells writes apart that share a key: the operation and its dataset. Raises QUERY_INVALID for a write with a
    key that returns rows: they are not remembered, so a repetition could not give them again.
    """
    if call.idempotency_key is None:
        return work()
    token = f"{what} {call.idempotency_key}"
    held = _remembered(writer, token)
    if held is not None:
        return held
    done = work()
    if done.columns:
        raise invalid(
            "a write that returns rows cannot be remembered under its idempotency_key",
            hint="leave RETURNING out and read the rows afterwards, or write without the key",
        )
    # only now: a schema that changed before the work would look to it like somebody else's change
    writer.execute(_CREATE)
    now = time.time()
    writer.execute(f"DELETE FROM {TABLE} WHERE done_s < ?", (now - _KEPT_S,))
    keys = None if done.keys is None else json.dumps(done.keys)
    writer.execute(f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", (token, done.affected, keys, now))
    return done


def _remembered(writer: sqlite3.Connection, token: str) -> Rows | None:
    if writer.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (TABLE,)).fetchone() is None:
        return None
    held = writer.execute(f"SELECT affected, keys FROM {TABLE} WHERE token = ?", (token,)).fetchone()
    if held is None:
        return None
    return Rows((), [], affected=held[0], keys=None if held[1] is None else json.loads(held[1]))
