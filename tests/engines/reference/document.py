"""The document reference: a list of JSON documents, looked through with the selectors of the sql floor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset, LoadSpec
from polyroute.engines.document.convert import documents_of, refusal, table_of
from polyroute.engines.document.definition import DEFAULT_KEY, Definition, checked_key, with_key
from polyroute.engines.document.fitting import fitted
from polyroute.engines.document.merge_patch import merge_patch
from polyroute.engines.document.projection import pruned
from polyroute.engines.document.schema import layout_of, shape_of
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
from polyroute.sql.selectors import compile_selector, parse_find, parse_selector
from polyroute.sql.selectors.fields import Projection
from tests.engines.reference.engine import ReferenceEngine, affected
from tests.engines.reference.place import Held

Document = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """Documents with what is declared of them."""

    definition: Definition
    documents: list[Document]

    @property
    def key(self) -> str:
        """The field of the key."""
        return self.definition.key_field or ""

    def answer(self, documents: list[Document], fields: Projection = ()) -> Documents:
        """Return some of the documents, or what is shown of them, as an answer."""
        shown = [copy.deepcopy(d) for d in documents]
        layout = pruned(
            layout_of(shape_of(self.documents), self.definition.declared, self.definition.key_field), fields
        )
        return Documents(shown, lambda: table_of(shown, layout), layout.schema.names)


class ReferenceDocuments(ReferenceEngine):
    """Collections of documents."""

    kind = "document"

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Refuse what JSON has no form for."""
        return refusal(arrow_type)

    def table(self, held: Held, part: str | None = None) -> pa.Table:
        """Return the documents as a table."""
        return held.content.answer(held.content.documents).table()

    def read(self, spec: LoadSpec, call: Call) -> list[Document]:
        """Read documents, or the rows of a table as documents."""
        given: list[Document] = []
        for documents in _batches(spec):
            call.check()
            given += documents
            spec.advance(len(documents))
        return given

    def empty(self, spec: LoadSpec) -> Held:
        """Return a collection without documents; a table declares its columns."""
        declared = None if spec.documents is not None else spec.dataset.schema
        key = spec.dataset.key[0] if spec.dataset.key else DEFAULT_KEY
        if declared is not None and key not in declared.names:
            return _held(Definition(spec.dataset.name, None, spec.dataset.roles, declared), [])
        return _held(Definition(spec.dataset.name, key, spec.dataset.roles, declared), [])

    def added(self, before: Held, given: list[Document], spec: LoadSpec) -> Held:
        """Return a collection with the documents of a load."""
        collection: Collection = before.content
        definition = collection.definition
        fit = [with_key(fitted(d, definition) if spec.documents else d, definition)[1] for d in given]
        if spec.mode != "upsert":
            return _held(definition, [*collection.documents, *fit])
        return _held(definition, list({d[collection.key]: d for d in [*collection.documents, *fit]}.values()))

    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        """Look at every document."""
        call.check()
        collection: Collection = self.held(op.dataset).content
        asked = parse_find(op.selector, fields=op.fields, sort=op.sort, skip=op.skip, limit=op.limit)
        documents = _watched(collection.documents, call)
        return collection.answer(asked.of(documents, collection.definition.key_field), asked.fields)

    def document_get(self, op: DocumentGet, call: Call) -> Answer:
        """Look up documents by their keys, in the order of the keys."""
        call.check()
        collection: Collection = self.held(op.dataset).content
        by_key = {document[collection.key]: document for document in collection.documents}
        return collection.answer([by_key[key] for key in self.keys(collection, op.key) if key in by_key])

    def document_count(self, op: DocumentCount, call: Call) -> Answer:
        """Count the documents that match."""
        call.check()
        matches = self.matcher(op.selector)
        count = sum(map(matches, _watched(self.held(op.dataset).content.documents, call)))
        return Rows(("count",), [(count,)], pa.schema([("count", pa.int64())]))

    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        """Add documents."""

        def change(held: Held) -> tuple[Held, Rows]:
            collection: Collection = held.content
            definition = collection.definition
            keyed = [with_key(fitted(document, definition), definition) for document in op.documents]
            after = _held(definition, [*collection.documents, *(document for _, document in keyed)])
            return after, Rows((), [], affected=len(keyed), keys=[key for key, _ in keyed])

        return self.write(op, call, change)

    def document_update(self, op: DocumentUpdate, call: Call) -> Rows:
        """Patch the documents that match."""
        matches = self.matcher(op.selector)

        def change(held: Held) -> tuple[Held, Rows]:
            definition = held.content.definition
            before = held.content.documents
            after = [fitted(self.patched(d, op.changes), definition) if matches(d) else d for d in before]
            key = held.content.key
            if any(old.get(key) != new.get(key) for old, new in zip(before, after, strict=True)):
                raise invalid(f"the key {key!r} of a document cannot be changed", hint="insert a new document")
            return _held(definition, after), affected(sum(map(matches, before)))

        return self.write(op, call, change)

    def document_delete(self, op: DocumentDelete, call: Call) -> Rows:
        """Keep the documents that have other keys, or do not match."""

        def change(held: Held) -> tuple[Held, Rows]:
            collection: Collection = held.content
            if op.keys is None:
                doomed = self.matcher(op.selector)
            else:
                keys = self.keys(collection, op.keys)
                doomed = lambda document: document[collection.key] in keys  # noqa: E731
            kept = [document for document in collection.documents if not doomed(document)]
            return _held(collection.definition, kept), affected(len(collection.documents) - len(kept))

        return self.write(op, call, change)

    def keys(self, collection: Collection, keys: Any) -> list[Any]:
        """Return keys as they stand in documents: a date, for instance, as its text."""
        declared = collection.definition.declared
        encode = None if declared is None else encoder(declared.field(collection.key).type)
        return [checked_key(k if encode is None or isinstance(k, str) else encode(k), collection.key) for k in keys]

    def matcher(self, selector: object) -> Callable[[object], bool]:
        """Return the function that tells whether a document matches."""
        return compile_selector(parse_selector(selector))

    def patched(self, document: Document, changes: object) -> Document:
        """Return a document after a merge patch."""
        return merge_patch(document, changes)  # type: ignore[return-value]


def _watched(documents: list[Document], call: Call) -> Iterator[Document]:
    for document in documents:
        call.check()
        yield document


def _batches(spec: LoadSpec) -> Iterator[list[Document]]:
    if spec.documents is None:
        return map(documents_of, spec.batches())
    return ([document] for document in spec.documents())


def _held(definition: Definition, documents: list[Document]) -> Held:
    """Return a collection as it is kept; CONSISTENCY_VIOLATION where two documents have one key."""
    key = definition.key_field
    if key is not None and len({checked_key(d.get(key), key) for d in documents}) < len(documents):
        raise make_error(
            DatabaseErrorCode.CONSISTENCY_VIOLATION,
            f"two documents of {definition.name!r} have one key",
            hint="load with mode='upsert'",
        )
    schema = layout_of(shape_of(documents), definition.declared, key).schema
    dataset = Dataset(definition.name, "document", schema, () if key is None else (key,), definition.roles)
    return Held(dataset, Collection(definition, documents))
