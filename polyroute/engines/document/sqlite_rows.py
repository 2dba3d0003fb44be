"""How collections lie in a SQLite file: one table per collection, a row per document, and one table about them all.

A document's row has its place (rows stand in the order in which documents came), its key and its JSON text. The key
column has no type, so numbers stay numbers, texts stay texts, and SQLite orders and compares keys as
`document_find` does. What is told of a collection, its definition, the counted shape of its documents and their
number, changes in the transaction that changes the documents; `version` is new after every change.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from polyroute.engines.document.candidates import conditions
from polyroute.engines.document.definition import REMEMBERED_WRITES, Definition, Document, Key, Written
from polyroute.engines.document.narrowing import keys_of
from polyroute.engines.document.schema import Layout, Shape
from polyroute.engines.sampling import spread
from polyroute.errors import unknown_name
from polyroute.sql.filters import Filter
from polyroute.sql.selectors import SQL_FUNCTIONS, Node, json_path, split_selector
from polyroute.sql.selectors.paths import Path, path_text
from polyroute.sql.selectors.to_filter import Bound
from polyroute.sql.selectors.tree import And

META = "_polyroute_documents"
WRITES = "_polyroute_document_writes"

_CREATE_META = f"""CREATE TABLE IF NOT EXISTS {META} (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, shape TEXT NOT NULL,
    documents INTEGER NOT NULL, version TEXT NOT NULL
)"""
_CREATE_WRITES = f"""CREATE TABLE IF NOT EXISTS {WRITES} (
    number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, affected INTEGER NOT NULL, keys TEXT NOT NULL
)"""
_MOST_KEYS = 500
_PARSED_AT_ONCE = 128
_KEY_LISTED = "key IN (SELECT value FROM json_each(?))"
_COLUMNS = "id, name, definition, shape, documents, version"


class Entry(NamedTuple):
    """What the file tells of one collection; definition and shape are JSON text."""

    id: int
    name: str
    definition: str
    shape: str
    documents: int
    version: str

    @property
    def table(self) -> str:
        """The table of the documents."""
        return f"{META}_{self.id}"

    def read_definition(self) -> Definition:
        """Return the definition."""
        return Definition.unpack(json.loads(self.definition))

    def read_shape(self) -> Shape:
        """Return the shape of the documents."""
        return Shape.unpack(json.loads(self.shape))


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that selectors need in SQL."""
    for name, function in SQL_FUNCTIONS.items():
        connection.create_function(name, 1, function, deterministic=True)


def read_entries(connection: sqlite3.Connection) -> list[Entry]:
    """Return what the file tells of its collections, in the order in which they were made."""
    return [Entry(*row) for row in _meta_rows(connection, f"SELECT {_COLUMNS} FROM {META} ORDER BY id", ())]


def read_entry(connection: sqlite3.Connection, name: str) -> Entry:
    """Return what the file tells of one collection; QUERY_INVALID, naming the nearest, when there is none of the
    name.
    """
    found = find_entry(connection, name)
    if found is None:
        raise unknown_name("dataset", name, [entry.name for entry in read_entries(connection)])
    return found


def find_entry(connection: sqlite3.Connection, name: str) -> Entry | None:
    """Return what the file tells of one collection, None when there is none of the name."""
    found = _meta_rows(connection, f"SELECT {_COLUMNS} FROM {META} WHERE name = ?", (name,))
    return Entry(*found[0]) if found else None


def read_version(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the version of a collection, None when there is none of the name."""
    found = _meta_rows(connection, f"SELECT version FROM {META} WHERE name = ?", (name,))
    return found[0][0] if found else None


def create_collection(connection: sqlite3.Connection, definition: Definition) -> Entry:
    """Make the table of a new collection."""
    connection.execute(_CREATE_META)
    connection.execute(
        f"INSERT INTO {META} (name, definition, shape, documents, version) VALUES (?, ?, ?, 0, ?)",
        (definition.name, json.dumps(definition.pack()), json.dumps(Shape().pack()), _new_version()),
    )
    entry = read_entry(connection, definition.name)
    connection.execute(f"CREATE TABLE {entry.table} (place INTEGER PRIMARY KEY, key UNIQUE, body TEXT NOT NULL)")
    return entry


def drop_collection(connection: sqlite3.Connection, entry: Entry) -> None:
    """Remove a collection with its documents and indexes."""
    connection.execute(f"DROP TABLE {entry.table}")
    connection.execute(f"DELETE FROM {META} WHERE id = ?", (entry.id,))


def update_entry(
    connection: sqlite3.Connection, entry: Entry, definition: Definition, shape: Shape, added: int
) -> None:
    """Tell what a transaction has made of a collection; `added` is by how many documents it grew."""
    connection.execute(
        f"UPDATE {META} SET definition = ?, shape = ?, documents = documents + ?, version = ? WHERE id = ?",
        (json.dumps(definition.pack()), json.dumps(shape.pack()), added, _new_version(), entry.id),
    )


def create_index(connection: sqlite3.Connection, entry: Entry, paths: Sequence[Path], places: Sequence[str]) -> None:
    """Make an index on what stands at some paths, given as names and as SQL; one that is there already stays."""
    name = f"{entry.table} {', '.join(path_text(path) for path in paths)}".replace('"', '""')
    expressions = ", ".join(f"json_extract(body, {place})" for place in places)
    connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON {entry.table} ({expressions})')


def read_write(connection: sqlite3.Connection, token: str) -> Written | None:
    """Return what the write of a token did, None where it is not remembered."""
    connection.execute(_CREATE_WRITES)
    row = connection.execute(f"SELECT affected, keys FROM {WRITES} WHERE token = ?", (token,)).fetchone()
    return None if row is None else Written(row[0], json.loads(row[1]))


def keep_write(connection: sqlite3.Connection, token: str, written: Written) -> None:
    """Remember what the write of a token did, and forget what lies a thousand writes back."""
    connection.execute(
        f"INSERT INTO {WRITES} (token, affected, keys) VALUES (?, ?, ?)",
        (token, written.affected, json.dumps(written.keys)),
    )
    connection.execute(f"DELETE FROM {WRITES} WHERE number <= last_insert_rowid() - ?", (REMEMBERED_WRITES,))


class Selection(NamedTuple):
    """The rows that can match a selector, as SQL, and what is left of the selector to decide among them."""

    where: str
    params: tuple[Bound, ...]
    residual: Node | None

    @classmethod
    def of(cls, selector: Node, definition: Definition) -> Selection:
        """Split a selector; where it names keys, their index is used."""
        split = split_selector(selector)
        conditions = [] if split.sql is None else [f"({split.sql})"]
        params = split.params
        keys = keys_of(selector, definition.key_field)
        if keys is not None and _is_plain(keys):
            conditions.insert(0, _KEY_LISTED)
            params = (json.dumps(keys), *params)
        elif keys is not None and len(keys) <= _MOST_KEYS:
            conditions.insert(0, f"key IN ({','.join('?' * len(keys))})")
            params = (*keys, *params)
        return cls(" AND ".join(conditions), params, split.residual)

    @property
    def clause(self) -> str:
        """The WHERE clause, empty where every row can match."""
        return f" WHERE {self.where}" if self.where else ""


def narrowed(
    connection: sqlite3.Connection, entry: Entry, where: Filter | None, layout: Layout, key_field: str | None
) -> Selection | None:
    """Return the rows among which those that pass a filter are, where an index finds them; None where none does."""
    found = conditions(where, layout)
    if not found:
        return None
    for condition in found:
        if condition.path == (key_field,) and condition.operator == "=" and _is_plain(condition.values):
            return Selection(_KEY_LISTED, (json.dumps(condition.values),), None)
    indexed = _indexed_paths(connection, entry)
    used = [condition for condition in found if path_text(condition.path) in indexed]
    if not used:
        return None
    split = split_selector(And(tuple(condition.selector for condition in used)))
    return None if split.sql is None else Selection(split.sql, split.params, None)


def _is_plain(keys: Sequence[Any]) -> bool:
    # SQLite reads a text in JSON up to its first NUL, and the digits of a fraction as well as its version can
    return not any(isinstance(key, float) or (isinstance(key, str) and "\0" in key) for key in keys)


def _indexed_paths(connection: sqlite3.Connection, entry: Entry) -> frozenset[str]:
    """Return the first path of each index of a collection."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    names = (name for (name,) in connection.execute(sql, (entry.table,)))
    return frozenset(name.removeprefix(f"{entry.table} ").split(", ")[0] for name in names)


def select_spread(connection: sqlite3.Connection, entry: Entry, wanted: int) -> list[Document]:
    """Read at most so many documents from all over a collection, the same ones every time."""
    first, last = connection.execute(
        f"SELECT (SELECT min(place) FROM {entry.table}), (SELECT max(place) FROM {entry.table})"
    ).fetchone()
    if first is None:
        return []
    places = [first + place for place in spread(last - first + 1, wanted).tolist()]
    nearest = f"SELECT place FROM {entry.table} AS near WHERE near.place >= wanted.value ORDER BY near.place LIMIT 1"
    sql = (
        f"SELECT body FROM {entry.table} WHERE place IN (SELECT ({nearest}) FROM json_each(?) AS wanted) ORDER BY place"
    )
    return [json.loads(body) for (body,) in connection.execute(sql, (json.dumps(places),))]


def select_bodies(
    connection: sqlite3.Connection, entry: Entry, selection: Selection, order: str, cut: tuple[int, int] | None
) -> Iterator[Document]:
    """Read documents in the order of a column, `cut` by skip and limit (-1: none)."""
    # A plus keeps SQLite from walking the whole key index where a condition has a better one.
    column = f"+{order}" if selection.where else order
    sql = f"SELECT body FROM {entry.table}{selection.clause} ORDER BY {column}"
    params = selection.params
    if cut is not None:
        sql += " LIMIT ? OFFSET ?"
        params = (*params, cut[1], cut[0])
    cursor = connection.execute(sql, params)
    try:
        while found := cursor.fetchmany(_PARSED_AT_ONCE):
            yield from _parsed([body for (body,) in found])
    finally:
        cursor.close()


def _parsed(bodies: Sequence[str]) -> list[Document]:
    """Return documents, parsed as one text: that is a third quicker, and names of fields are shared between them."""
    try:
        documents: list[Document] = json.loads(f"[{','.join(bodies)}]")
    except (ValueError, RecursionError):
        documents = []
    # what another program spoilt, and what is nested to the limit, is parsed, or refused, on its own
    return documents if len(documents) == len(bodies) else [json.loads(body) for body in bodies]


def select_places(connection: sqlite3.Connection, entry: Entry, selection: Selection) -> list[tuple[int, Document]]:
    """Read the places and documents that can match."""
    rows = connection.execute(f"SELECT place, body FROM {entry.table}{selection.clause}", selection.params)
    return [(place, json.loads(body)) for place, body in rows]


def select_key(connection: sqlite3.Connection, entry: Entry, key: Key) -> tuple[int, Document] | None:
    """Read the place and the document of a key."""
    row = connection.execute(f"SELECT place, body FROM {entry.table} WHERE key = ?", (key,)).fetchone()
    return None if row is None else (row[0], json.loads(row[1]))


def index_places(paths: Sequence[Path]) -> list[str] | None:
    """Return paths as SQL, None where SQLite cannot say one of them."""
    places = [json_path(path) for path in paths]
    return None if None in places else [place for place in places if place is not None]


def _meta_rows(connection: sqlite3.Connection, sql: str, params: tuple[str, ...]) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(sql, params).fetchall()
    except sqlite3.OperationalError:
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (META,)).fetchone()
        if made is not None:
            raise
        return []


def _new_version() -> str:
    return secrets.token_hex(8)
