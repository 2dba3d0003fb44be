"""Run SQLite's own SQL as it is written: read statements on a reader, one change in a transaction on the writer."""

from __future__ import annotations

import datetime as dt
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.relational.sqlite_foreign import class_of, foreign_form
from polyroute.engines.resources.sqlite import SQLiteFile, execute
from polyroute.errors import invalid
from polyroute.result import Rows
from polyroute.sql.codec import encode_timestamp
from polyroute.sql.filters.coerce import normalise

Params = Mapping[str, object] | Sequence[object] | None

_SKIPPED = r"(?:[\s;\ufeff]|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))*"
_KEYWORD = re.compile(_SKIPPED + r"([A-Za-z]+)", re.DOTALL)
_TRANSACTIONS = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_OUTSIDE = frozenset({"VACUUM", "PRAGMA"})
_TARGET = re.compile(
    r"""\binto\s+(?:(?:main|"main"|`main`|\[main\])\s*\.\s*)?("(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\]|'(?:[^']|'')+'|\w+)""",
    re.IGNORECASE,
)


def query(file: SQLiteFile, sql: str, params: Params, call: Call) -> Rows:
    """Run a statement that reads and return its rows; values as SQLite stores them.

    Raises QUERY_INVALID for a statement that does more than read.
    """
    bound = bind(params)
    with file.reading(call) as reader:
        try:
            cursor = execute(reader, sql, bound, call)
        except sqlite3.DatabaseError as exc:
            if _is_refused(exc):
                raise invalid(
                    "this statement does more than read its file", hint="use relational_execute to change data"
                ) from exc
            raise
        if cursor.description is None:
            raise invalid("this statement gives no rows", hint="use relational_execute to change data")
        return answer(cursor, call)


def change(file: SQLiteFile, sql: str, params: Params, call: Call) -> tuple[Rows, int | None]:
    """Run any one statement, all or nothing; return its answer and SQLite's last row id if the statement inserted.

    Raises QUERY_INVALID for transaction control, which belongs to the connection.
    """
    bound = bind(params)
    keyword = leading_keyword(sql)
    if keyword in _TRANSACTIONS:
        raise invalid(f"{keyword} is not run as a statement", hint="use db.transaction() for several statements")
    holding = file.writing if runs_outside(sql) else file.transaction
    with holding(call) as writer:
        before = writer.total_changes
        cursor = execute(writer, sql, bound, call)
        found = answer(cursor, call)
        inserted = cursor.lastrowid if inserted_into(sql) and writer.total_changes > before else None
        if not runs_outside(sql) and not writer.in_transaction:
            raise invalid("the statement ended its transaction", hint="use db.transaction() for several statements")
    found.affected = max(cursor.rowcount, 0)
    return found, inserted


def runs_outside(sql: str) -> bool:
    """Tell whether a statement cannot run in a transaction.

    >>> runs_outside("VACUUM"), runs_outside("DELETE FROM t")
    (True, False)
    """
    return leading_keyword(sql) in _OUTSIDE


def leading_keyword(sql: str) -> str:
    """Return the first word of a statement in capitals, comments left out.

    >>> leading_keyword("/* now */ vacuum")
    'VACUUM'
    """
    found = _KEYWORD.match(sql)
    return found.group(1).upper() if found else ""


def inserted_into(sql: str) -> str | None:
    """Return the table that a statement inserts into, or None when it inserts nothing.

    >>> inserted_into('INSERT INTO main."a b" VALUES (1)'), inserted_into("DELETE FROM t")
    ('a b', None)
    """
    if leading_keyword(sql) not in ("INSERT", "REPLACE", "WITH"):
        return None
    found = _TARGET.search(sql)
    if found is None:
        return None
    name = found.group(1)
    if name[0] == "[":
        return name[1:-1]
    return name[1:-1].replace(name[0] * 2, name[0]) if name[0] in "\"`'" else name


def bind(params: Params) -> Any:
    """Return parameters in the forms that polyroute stores: dates and times as text, decimals as digits."""
    if params is None:
        return ()
    if isinstance(params, Mapping):
        return {str(name): _stored(value, f"${name}") for name, value in params.items()}
    return tuple(_stored(value, f"parameter {i}") for i, value in enumerate(params, 1))


def _stored(value: object, what: str) -> object:
    value = normalise(value, what)
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case None | bool() | int() | float() | str() | bytes():
            return value
        case dt.datetime():
            return encode_timestamp(value)
        case dt.date():
            return value.isoformat()
        case dt.time():
            return value.isoformat("microseconds")
        case Decimal() | UUID():
            return str(value)
    raise invalid(f"{what} is a {type(value).__name__}, which SQLite has not", hint="give a number, a text or bytes")


def answer(cursor: sqlite3.Cursor, call: Call) -> Rows:
    """Return what a statement gave, with types read off the values; a column of mixed values is text."""
    if cursor.description is None:
        return Rows((), [])
    names = tuple(column[0] for column in cursor.description)
    rows = cursor.fetchall()
    seen = []
    for position in range(len(names)):
        call.check()
        seen.append(_classes(rows, position))
    forms = [foreign_form(classes, "") for classes in seen]
    mixed = [i for i, classes in enumerate(seen) if len(classes) > 1 and classes != {"integer", "bigint"}]
    if mixed:
        rows = [_converted(row, mixed, forms) for row in rows]
    types = [form.type if classes else pa.null() for form, classes in zip(forms, seen, strict=True)]
    return Rows(names, rows, pa.schema([pa.field(n, t) for n, t in zip(names, types, strict=True)]))


def _classes(rows: Sequence[tuple[Any, ...]], position: int) -> frozenset[str]:
    kinds = {type(row[position]) for row in rows} - {type(None)}
    if kinds == {int, float}:
        return frozenset({class_of(row[position]) for row in rows if row[position] is not None})
    return frozenset({"integer" if kind is int else class_of(kind()) for kind in kinds})


def _converted(row: tuple[Any, ...], mixed: Sequence[int], forms: Sequence[Any]) -> tuple[Any, ...]:
    values = list(row)
    for i in mixed:
        if values[i] is not None:
            values[i] = forms[i].decode_value(values[i])
    return tuple(values)


def _is_refused(exc: sqlite3.DatabaseError) -> bool:
    code = getattr(exc, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY) or "not authorized" in str(exc)
