"""Load documents, or the rows of a table as documents, into a collection within a transaction.

Documents keep what they are: their columns are inferred. A table declares its columns: their types are kept with
the collection and come back as loaded. A collection gets no key where none was asked for and no document has an
`_id`, because loading adds no columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import LoadSpec
from polyroute.engines.document.convert import documents_of
from polyroute.engines.document.definition import DEFAULT_KEY, Definition, Document, Key, with_key
from polyroute.engines.document.fitting import fitted
from polyroute.engines.document.schema import Layout
from polyroute.engines.document.store import Change, Writing
from polyroute.errors import QueryError, invalid, unknown_name
from polyroute.sql.types import conform, is_json

_PROGRESS_STEP = 1000

Keyed = tuple[Key | None, Document]


def load_documents(store: Writing, spec: LoadSpec, call: Call) -> int:
    """Store what a load brings and return the number of documents.

    Raises QUERY_INVALID for a name that is held (mode create), a key that a document lacks and a value that does
    not fit its column, CONSISTENCY_VIOLATION for a duplicate key.
    """
    name = spec.dataset.name
    held = store.definition(name)
    if held is not None and spec.mode == "create":
        raise invalid(f"a collection {name!r} is held already", hint="load with mode='append', 'upsert' or 'replace'")
    if spec.documents is not None:
        change = _for_documents(store, spec, held)
        keyed = _keyed(_fitted(spec.documents(), change.definition), change.definition)
    else:
        change, documents = _for_table(store, spec, held)
        keyed = _keyed(documents, change.definition)
    if spec.mode == "upsert" and change.definition.key_field is None:
        raise invalid(f"{name!r} cannot be upserted without a key", hint="load it with key='field'")
    store_all = change.upsert if spec.mode == "upsert" else change.insert
    return store_all(_watched(keyed, spec, call), call)


def _for_documents(store: Writing, spec: LoadSpec, held: Definition | None) -> Change:
    if held is not None and spec.mode != "replace":
        return store.change(held.name)
    key_field = _wanted_key(spec)
    without = key_field == DEFAULT_KEY and spec.documents is not None and _all_lack(DEFAULT_KEY, spec.documents())
    return store.create(Definition(spec.dataset.name, None if without else key_field, spec.dataset.roles))


def _all_lack(name: str, documents: Iterator[Document]) -> bool:
    first = next(documents, None)
    return first is not None and name not in first and not any(name in document for document in documents)


def _for_table(store: Writing, spec: LoadSpec, held: Definition | None) -> tuple[Change, Iterator[Document]]:
    batches = spec.batches()
    if held is None or spec.mode == "replace":
        schema = spec.dataset.schema
        key_field: str | None = _wanted_key(spec)
        if key_field not in schema.names:
            if key_field != DEFAULT_KEY:
                raise unknown_name("key column", str(key_field), schema.names)
            key_field = None
        change = store.create(Definition(spec.dataset.name, key_field, spec.dataset.roles, schema))
        return change, (document for batch in batches for document in documents_of(batch))
    change = store.change(held.name)
    first = next(batches, None)
    if first is None:
        return change, iter(())
    columns = _columns_for(first.schema, change.layout, held)
    change = store.define(replace(held, declared=columns.declared))
    return change, _conformed(first, batches, columns)


def _wanted_key(spec: LoadSpec) -> str:
    if len(spec.dataset.key) > 1:
        raise invalid(
            f"a document has one key field, not {len(spec.dataset.key)}",
            hint="name the one field that tells documents apart",
        )
    return spec.dataset.key[0] if spec.dataset.key else DEFAULT_KEY


def _fitted(documents: Iterable[Document], definition: Definition) -> Iterator[Document]:
    return (fitted(document, definition) for document in documents)


def _keyed(documents: Iterable[Document], definition: Definition) -> Iterator[Keyed]:
    return (with_key(document, definition) for document in documents)


def _watched(keyed: Iterable[Keyed], spec: LoadSpec, call: Call) -> Iterator[Keyed]:
    done = 0
    for entry in keyed:
        # a source may be slow, so each document may be the last one in time
        call.check()
        yield entry
        done += 1
        if done == _PROGRESS_STEP:
            spec.advance(done)
            done = 0
    spec.advance(done)


class _Columns:
    """How a table's columns enter a collection that is there already: all declared columns, the target types, and
    the columns taken as free JSON.
    """

    def __init__(self, declared: pa.Schema | None) -> None:
        self.fields = {} if declared is None else {field.name: field for field in declared}
        self.target: list[pa.Field] = []
        self.free: set[str] = set()

    @property
    def declared(self) -> pa.Schema | None:
        return pa.schema(list(self.fields.values())) if self.fields else None

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(self.target)


def _columns_for(incoming: pa.Schema, layout: Layout, definition: Definition) -> _Columns:
    """Match a table's columns with a collection's; QUERY_INVALID, naming the column, where the two cannot go
    together.
    """
    columns = _Columns(definition.declared)
    spellings = {name.lower(): name for name in layout.schema.names}
    for field in incoming:
        held_name = spellings.get(field.name.lower(), field.name)
        if held_name != field.name:
            raise invalid(
                f"the column {field.name!r} is the column {held_name!r} in other letters",
                hint="rename it before loading",
            )
        if field.name not in layout.schema.names:
            columns.fields[field.name] = field
            columns.target.append(field)
            continue
        held = layout.schema.field(field.name)
        columns.target.append(held)
        if field.name in layout.declared:
            continue
        if is_json(held.type):
            columns.target[-1] = field
            columns.free.add(_free_column(field))
        elif _holds_json(held.type):
            raise _apart(field)
        else:
            columns.fields[field.name] = held
    return columns


def _free_column(field: pa.Field) -> str:
    types = pa.types
    plain = types.is_boolean(field.type) or types.is_integer(field.type) or types.is_string(field.type)
    if not plain and not is_json(field.type):
        raise _apart(field)
    return str(field.name)


def _apart(field: pa.Field) -> QueryError:
    return invalid(
        f"column {field.name!r} of type {field.type} does not fit the documents, which hold mixed JSON there",
        hint="load it as documents (a list of dicts or JSON Lines), or under another name",
    )


def _holds_json(arrow_type: pa.DataType) -> bool:
    if is_json(arrow_type):
        return True
    if not pa.types.is_nested(arrow_type):
        return False
    return any(_holds_json(arrow_type.field(place).type) for place in range(arrow_type.num_fields))


def _conformed(first: pa.RecordBatch, others: Iterator[pa.RecordBatch], columns: _Columns) -> Iterator[Document]:
    texts = {field.name for field in columns.schema if field.name in columns.free and is_json(field.type)}
    for batch in chain((first,), others):
        table = conform(pa.Table.from_batches([batch]), columns.schema)
        for part in table.to_batches():
            for document in documents_of(part):
                for name in texts:
                    if document[name] is not None:
                        document[name] = json.loads(document[name])
                yield document
