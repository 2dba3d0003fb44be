"""What the tests of the SQLite engine share: an engine on a file, a way to ask it, a file made by sqlite3 alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.execution import as_table, execute
from polyroute.engines.loading.loader import Definition, LoadReport, load
from polyroute.engines.loading.sources import from_table
from polyroute.engines.relational.sqlite import SQLiteEngine
from polyroute.engines.url import EngineURL
from polyroute.operations import Operation, Scan

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


class Opened:
    """An engine on a file, asked through the engine floor as the router does."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.engine = SQLiteEngine.open(EngineURL("sqlite", path), read_only=read_only)
        self.engine.id = "rel"

    def load(
        self, name: str, table: pa.Table, *, key: Sequence[str] = (), mode: str = "create", call: Call = UNBOUNDED
    ) -> LoadReport:
        definition = Definition(key=tuple(key))
        return load(
            [self.engine], name, from_table(table), mode=mode, definition=definition, show_progress=False, call=call
        )

    def ask(self, op: Operation, call: Call = UNBOUNDED) -> Any:
        return execute(self.engine, op, call)

    def table(self, op: Operation) -> pa.Table:
        return as_table(self.ask(op))

    def rows(self, name: str, columns: Sequence[str] | None = None, **how: Any) -> list[dict[str, Any]]:
        found = self.table(Scan(name, None if columns is None else tuple(columns), **how))
        return list(found.to_pylist())

    def types(self, name: str) -> dict[str, str]:
        return {f.name: str(f.type) for f in self.engine.dataset(name).schema}


def foreign(path: Path, *statements: str) -> None:
    """Run statements by sqlite3 alone."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
