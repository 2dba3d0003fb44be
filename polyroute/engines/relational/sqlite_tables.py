"""The tables of a SQLite file as the relational engine sees them: columns with their stored forms, key, row id.

A table that polyroute made has the logical schema of its registry entry, as long as the table is still of the form that
was made for it (STRICT, the same declarations); every other column is typed by what is found in it (`sqlite_foreign`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import pyarrow as pa

from polyroute.engines.contract import Dataset
from polyroute.engines.relational.sqlite_foreign import affinity, class_sql, foreign_form, shape, strict_form
from polyroute.engines.relational.sqlite_form import Form
from polyroute.engines.relational.sqlite_forms import form_of

KIND = "relational"
_SAMPLE_ROWS = 1000
_ROW_IDS = ("rowid", "_rowid_", "oid")
_STRICT_TYPES = {
    "INT": pa.int64(),
    "INTEGER": pa.int64(),
    "REAL": pa.float64(),
    "TEXT": pa.string(),
    "BLOB": pa.binary(),
}


def quoted(name: str) -> str:
    """Quote a name so that SQLite never takes it for a text, as it may with double quotes.

    >>> quoted("a`b")
    '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its form, and what narrows its use.

    Attributes:
        name: as stored.
        form: how its values are stored and read.
        declared: its declared type.
        seen: the storage classes seen in a foreign column, None where the form is guaranteed.
        mixed: whether texts, numbers or blobs stand side by side in it.
        generated: computed by SQLite and not to be written.
        binary: whether it compares texts byte by byte (its collation is BINARY).
        not_null: whether it is declared NOT NULL.
    """

    name: str
    form: Form
    declared: str = ""
    seen: frozenset[str] | None = None
    mixed: bool = False
    generated: bool = False
    binary: bool = True
    not_null: bool = False

    @property
    def numeric_affinity(self) -> bool:
        """Whether texts that look like numbers are converted when they are stored or compared."""
        return self.seen is not None and affinity(self.declared) in ("INTEGER", "REAL", "NUMERIC")

    def with_seen(self, classes: Iterable[str]) -> Column:
        """Return the column after further storage classes were seen in it."""
        seen = (self.seen or frozenset()) | frozenset(classes)
        return _foreign_column(self, seen)


@dataclass(frozen=True)
class Table:
    """One table or view: the dataset that it is, and how its columns are read and written.

    `kind` is 'table', 'view' or 'virtual'; `row_id` is the name by which a row can be addressed, None where there is
    none; `sql` is its definition.
    """

    dataset: Dataset
    columns: Mapping[str, Column]
    kind: str
    row_id: str | None
    sql: str

    @property
    def name(self) -> str:
        """The name, as stored."""
        return self.dataset.name

    @cached_property
    def written(self) -> tuple[Column, ...]:
        """The columns that can be written."""
        return tuple(c for c in self.columns.values() if not c.generated)

    @cached_property
    def loose(self) -> frozenset[str]:
        """The columns whose values may turn out to be of another class than those seen."""
        return frozenset(c.name for c in self.columns.values() if c.seen is not None)

    def with_seen(self, classes: Mapping[str, Iterable[str]]) -> Table:
        """Return the table after further storage classes were seen in some columns."""
        columns = {n: c.with_seen(classes[n]) if n in classes else c for n, c in self.columns.items()}
        schema = pa.schema([pa.field(c.name, c.form.type) for c in columns.values()])
        key = _usable_key(self.dataset.key, columns)
        dataset = self.dataset
        if schema != dataset.schema or key != dataset.key:
            dataset = replace(dataset, schema=schema, key=key)
        return replace(self, dataset=dataset, columns=MappingProxyType(columns))


def _usable_key(key: tuple[str, ...], columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Return a key, unless texts and numbers stand side by side in it: then 5 and '5' are two rows, and one key."""
    return () if any(columns[k].mixed for k in key) else key


def _foreign_column(column: Column, seen: frozenset[str]) -> Column:
    form = foreign_form(seen, column.declared)
    return replace(column, form=form, seen=seen, mixed=shape(seen, column.declared)[1])


@dataclass(frozen=True, slots=True)
class Found:
    """What SQLite says of a table; `folds` tells that its texts may compare otherwise than byte by byte."""

    name: str
    kind: str
    without_row_id: bool
    strict: bool
    sql: str
    folds: bool


def find_tables(reader: sqlite3.Connection) -> list[Found]:
    """List the tables and views of a file that hold data of its own, those of SQLite and polyroute left out."""
    texts: dict[str, str | None] = dict(
        reader.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    )
    listed = reader.execute("PRAGMA table_list").fetchall()
    anywhere = any(_mentions_collation(text) for text in texts.values())
    found = []
    for schema, name, kind, _, without, strict in listed:
        if schema == "main" and kind != "shadow" and not name.lower().startswith(("sqlite_", "_polyroute")):
            text = texts.get(name) or ""
            folds = _mentions_collation(text) if kind == "table" else anywhere
            found.append(Found(name, kind, bool(without), bool(strict), text, folds))
    return sorted(found, key=lambda f: f.name)


def _mentions_collation(sql: str | None) -> bool:
    return sql is not None and "collate" in sql.lower()


def read_table(
    reader: sqlite3.Connection, found: Found, entry: Dataset | None, seen: Mapping[str, frozenset[str]] | None
) -> Table:
    """Read what a table is; `seen` are the storage classes known of its columns, looked up in its first rows if None.

    Raises sqlite3.Error for a view or a virtual table that cannot be read.
    """
    info = [row for row in reader.execute(f"PRAGMA table_xinfo({quoted(found.name)})") if row[6] != 1]
    made = entry if entry is not None and found.strict else None
    columns = {}
    for _, name, declared, not_null, _, _, hidden in info:
        column = Column(name, _UNKNOWN, declared, None, False, hidden in (2, 3), not found.folds, bool(not_null))
        columns[name] = _settled(column, found, made)
    loose = [c for c in columns.values() if c.form is _UNKNOWN]
    alias = _row_id_alias(reader, found, info)
    if alias is not None and columns[alias].form is _UNKNOWN:
        columns[alias] = replace(columns[alias], form=strict_form(pa.int64()), not_null=True)
        loose = [c for c in loose if c.name != alias]
    if loose:
        classes = seen if seen is not None else sample(reader, found.name, [c.name for c in loose])
        for column in loose:
            # ANY converts nothing in a STRICT table, and numbers in another
            free = replace(column, declared="") if found.strict and column.declared == "ANY" else column
            columns[column.name] = _foreign_column(free, classes.get(column.name, frozenset()))
    primary = [name for _, name in sorted((row[5], row[1]) for row in info if row[5])]
    return _table(found, made, columns, tuple(primary))


_UNKNOWN = replace(form_of(pa.null()), declared="")


def _settled(column: Column, found: Found, made: Dataset | None) -> Column:
    """Give a column the form that is guaranteed, where one is: that of the registry, or that of a STRICT table."""
    if made is not None and column.name in made.schema.names:
        form = form_of(made.schema.field(column.name).type)
        if form.declared == column.declared:
            return replace(column, form=form)
    strict_type = _STRICT_TYPES.get(column.declared) if found.strict else None
    return column if strict_type is None else replace(column, form=strict_form(strict_type))


def _table(found: Found, made: Dataset | None, columns: dict[str, Column], primary: tuple[str, ...]) -> Table:
    key, roles = primary, {}
    if made is not None:
        roles = dict(made.roles)
        key = made.key if set(made.key) <= set(columns) else primary
    schema = pa.schema([pa.field(c.name, c.form.type) for c in columns.values()])
    dataset = Dataset(found.name, KIND, schema, _usable_key(key, columns), MappingProxyType(roles))
    row_id = None
    if found.kind == "table" and not found.without_row_id:
        names = {name.lower() for name in columns}
        row_id = next((r for r in _ROW_IDS if r not in names), None)
    return Table(dataset, MappingProxyType(columns), found.kind, row_id, found.sql)


def _row_id_alias(reader: sqlite3.Connection, found: Found, info: list[tuple[object, ...]]) -> str | None:
    """Find the INTEGER PRIMARY KEY that is the row id itself, and so holds nothing but integers."""
    primary = [row for row in info if row[5]]
    if found.kind != "table" or found.without_row_id or len(primary) != 1 or str(primary[0][2]).upper() != "INTEGER":
        return None
    indexes = reader.execute(f"PRAGMA index_list({quoted(found.name)})").fetchall()
    return None if any(row[3] == "pk" for row in indexes) else str(primary[0][1])


def sample(reader: sqlite3.Connection, table: str, columns: list[str]) -> dict[str, frozenset[str]]:
    """Return the storage classes in the first rows of a table, per column."""
    classes = ", ".join(class_sql(quoted(c)) for c in columns)
    sql = f"SELECT DISTINCT {classes} FROM (SELECT * FROM {quoted(table)} LIMIT {_SAMPLE_ROWS})"
    rows = reader.execute(sql).fetchall()
    return {c: frozenset(row[i] for row in rows) - {"null"} for i, c in enumerate(columns)}
