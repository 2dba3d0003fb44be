"""What the document engines have in common: every operation on documents, over a store of collections.

What an operation means is said here, once; how documents are kept, found and committed is the store's (`store.py`). A
write that comes with an idempotency key is remembered with what it did, so its repetition changes nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, Engine, LoadSpec, Pushed, Statistics
from polyroute.engines.document.columns import some_columns
from polyroute.engines.document.convert import refusal, table_of
from polyroute.engines.document.definition import Definition, Document, Key, Written, checked_key, with_key
from polyroute.engines.document.fitting import fitted
from polyroute.engines.document.load import load_documents
from polyroute.engines.document.merge_patch import merge_patch
from polyroute.engines.document.projection import pruned
from polyroute.engines.document.schema import Layout
from polyroute.engines.document.store import Collection, Writing
from polyroute.engines.local import columns_read
from polyroute.engines.sampling import sampled_columns
from polyroute.errors import DatabaseErrorCode, invalid, make_error
from polyroute.operations import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentGet,
    DocumentInsert,
    DocumentUpdate,
)
from polyroute.result import Documents, Rows
from polyroute.sql.codec import encoder
from polyroute.sql.selectors import parse_find, parse_selector

_COUNT = pa.schema([("count", pa.int64())])


class DocumentEngine(Engine):
    """An engine that keeps JSON documents in collections."""

    kind: ClassVar[str] = "document"

    @abstractmethod
    def _collections(self) -> Mapping[str, tuple[Definition, Layout]]:
        """Return every collection as stored now."""

    @abstractmethod
    def _reading(self, name: str, call: Call) -> AbstractContextManager[Collection]:
        """Give one state of a collection."""

    @abstractmethod
    def _writing(self, call: Call) -> AbstractContextManager[Writing]:
        """Give a transaction."""

    @abstractmethod
    def _rows(self, name: str) -> int | None:
        """Return the number of documents where it is known."""

    def datasets(self) -> Mapping[str, Dataset]:
        """Return every collection as a dataset: the union of the keys of its documents."""
        return {name: _dataset(*held) for name, held in self._collections().items()}

    def dataset(self, name: str) -> Dataset:
        """Return one collection as a dataset; QUERY_INVALID, naming the nearest, when there is none of the name."""
        held = self._collections().get(name)
        return super().dataset(name) if held is None else _dataset(*held)

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise the whole scan: what no index answers is done over the columns of the collection."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read a collection as a table."""
        with self._reading(op.dataset.name, call) as collection:
            _check_columns(op, collection.layout)
            return collection.scan(op, call)

    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        """Find documents by a selector, sorted, cut and shown as asked."""
        asked = parse_find(op.selector, fields=op.fields, sort=op.sort, skip=op.skip, limit=op.limit)
        with self._reading(_named(op), call) as collection:
            return _documents(collection.find(asked, call), pruned(collection.layout, asked.fields))

    def document_get(self, op: DocumentGet, call: Call) -> Answer:
        """Read documents by their keys."""
        with self._reading(_named(op), call) as collection:
            keys = _stored_keys(op.key, collection.definition)
            return _documents(collection.get(keys, call), collection.layout)

    def document_count(self, op: DocumentCount, call: Call) -> Answer:
        """Count the documents that match a selector."""
        selector = parse_selector(op.selector)
        with self._reading(_named(op), call) as collection:
            return Rows(("count",), [(collection.count(selector, call),)], _COUNT)

    def document_insert(self, op: DocumentInsert, call: Call) -> Answer:
        """Insert documents; `keys` of the answer are theirs, made up where `_id` was missing."""

        def insert(store: Writing) -> Written:
            change = store.change(_named(op))
            definition = change.definition
            keyed = [with_key(fitted(document, definition), definition) for document in _list(op.documents)]
            change.insert(keyed, call)
            return Written(len(keyed), [key for key, _ in keyed if key is not None])

        return self._write_once(op, call, insert)

    def document_update(self, op: DocumentUpdate, call: Call) -> Answer:
        """Apply a merge patch to the documents that match a selector."""
        selector = parse_selector(op.selector)

        def update(store: Writing) -> Written:
            change = store.change(_named(op))
            matching = change.matching(selector, call)
            for place, old in matching:
                change.put(place, old, fitted(_patched(old, op.changes, change.definition), change.definition))
            return Written(len(matching))

        return self._write_once(op, call, update)

    def document_delete(self, op: DocumentDelete, call: Call) -> Answer:
        """Delete documents by their keys, or those that match a selector."""
        selector = None if op.selector is None else parse_selector(op.selector)

        def delete(store: Writing) -> Written:
            change = store.change(_named(op))
            if selector is None:
                doomed = change.of_keys(_stored_keys(op.keys, change.definition))
            else:
                doomed = change.matching(selector, call)
            unique = dict(doomed)
            for place, old in unique.items():
                change.delete(place, old)
            return Written(len(unique))

        return self._write_once(op, call, delete)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store documents, or the rows of a table as documents."""
        with self._writing(call) as store:
            loaded = _once(
                store, f"load {spec.mode} {spec.dataset.name}", call, lambda: Written(load_documents(store, spec, call))
            )
            store.flush()
            spec.before_commit()
        return loaded.affected

    def _write_once(self, op: Any, call: Call, work: Callable[[Writing], Written]) -> Rows:
        with self._writing(call) as store:
            written = _once(store, f"{op.name} {_named(op)}", call, lambda: work(store))
        return Rows((), [], affected=written.affected, keys=written.keys)

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a collection with all its documents."""
        with self._writing(call) as store:
            store.change(dataset)
            store.drop(dataset)

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Tell why documents cannot give back values of a type, or None when they can."""
        return refusal(arrow_type)

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the number of documents."""
        return Statistics(row_count=self._rows(dataset))

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return documents from all over a collection."""
        with self._reading(dataset, call) as collection:
            layout = some_columns(collection.layout, sampled_columns(collection.layout.schema))
            return table_of(collection.sample(rows, call), layout, call)


def _once(store: Writing, what: str, call: Call, work: Callable[[], Written]) -> Written:
    """Do a write, or tell what it did when it was done before under the same idempotency key."""
    if call.idempotency_key is None:
        return work()
    token = f"{what} {call.idempotency_key}"
    held = store.remembered(token)
    if held is not None:
        return held
    written = work()
    store.remember(token, written)
    return written


def _check_columns(op: BoundScan, layout: Layout) -> None:
    """Raise TRANSACTION_FAILED where a column is no longer what the scan was bound to."""
    for name in columns_read(op):
        held = layout.schema.get_field_index(name)
        if held < 0 or layout.schema.field(held) != op.dataset.schema.field(name):
            raise make_error(
                DatabaseErrorCode.TRANSACTION_FAILED,
                f"column {name!r} of {op.dataset.name!r} was changed while it was read",
                hint="ask again",
            )


def _dataset(definition: Definition, layout: Layout) -> Dataset:
    key = () if definition.key_field is None else (definition.key_field,)
    return Dataset(definition.name, DocumentEngine.kind, layout.schema, key, definition.roles)


def _documents(documents: list[Document], layout: Layout) -> Documents:
    return Documents(documents, lambda: table_of(documents, layout), layout.schema.names)


def _named(op: Any) -> str:
    name: str | None = op.dataset
    if name is None:
        raise invalid(f"{op.name} was given no collection", hint="name the collection first")
    return name


def _list(values: object) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]


def _stored_keys(keys: object, definition: Definition) -> list[Key]:
    """Return keys as they stand in documents: a date, for instance, as its text."""
    key_field = definition.key_field
    if key_field is None:
        raise invalid(f"{definition.name!r} has no key", hint="use a selector, or load it with key='field'")
    declared = definition.declared
    encode = None
    if declared is not None and key_field in declared.names:
        encode = encoder(declared.field(key_field).type)
    stored = [key if encode is None or isinstance(key, str) else encode(key) for key in _list(keys)]
    return [checked_key(key, key_field) for key in stored]


def _patched(old: Document, changes: object, definition: Definition) -> Document:
    new = merge_patch(old, changes)
    key_field = definition.key_field
    if not isinstance(new, dict):
        raise invalid("the changes are not an object", hint='write for instance {"status": "closed"}')
    if key_field is not None and new.get(key_field) != old.get(key_field):
        raise invalid(
            f"the key {key_field!r} of a document cannot be changed",
            hint="insert a new document and delete the old one",
        )
    return new
