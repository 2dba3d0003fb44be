"""What a store of documents offers to the operations: a state to read, a transaction to write in.

A `Collection` is one state of a collection. Within a transaction (`Writing`) a `Change` is a collection as the
transaction has made it. TinyDB and SQLite each bring their own; `engine.py` and `load.py` know only these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import BoundScan
from polyroute.engines.document.definition import Definition, Document, Key, Written
from polyroute.engines.document.schema import Layout
from polyroute.sql.selectors import Find, Node


class Collection(Protocol):
    """One state of one collection. The documents that it hands out belong to the caller."""

    @property
    def definition(self) -> Definition:
        """The collection's key, roles and declared columns."""

    @property
    def layout(self) -> Layout:
        """The columns of the collection as a table."""

    def find(self, asked: Find, call: Call) -> list[Document]:
        """Return what a question finds."""

    def get(self, keys: Sequence[Key], call: Call) -> list[Document]:
        """Return the documents of keys, in their order; a key that no document has gives none."""

    def count(self, selector: Node, call: Call) -> int:
        """Return how many documents match."""

    def scan(self, op: BoundScan, call: Call) -> pa.Table:
        """Return what a scan asks for; its columns are the layout's."""

    def sample(self, rows: int, call: Call) -> list[Document]:
        """Return at most `rows` documents from all over the collection, the same ones every time."""


class Change(Protocol):
    """One collection inside a transaction; `place` is where the store keeps a document."""

    @property
    def definition(self) -> Definition:
        """The collection's key, roles and declared columns."""

    @property
    def layout(self) -> Layout:
        """The columns of the collection before the change."""

    def insert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents and return their number; CONSISTENCY_VIOLATION where a key is held already or comes twice."""

    def upsert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents, those whose key is held in the place of the held ones."""

    def matching(self, selector: Node, call: Call) -> list[tuple[int, Document]]:
        """Return the places and the documents that match, which must not be changed."""

    def of_keys(self, keys: Sequence[Key]) -> list[tuple[int, Document]]:
        """Return the places and the documents of keys; a key that no document has gives none."""

    def put(self, place: int, old: Document, new: Document) -> None:
        """Write a document, its key unchanged, in the place of another."""

    def delete(self, place: int, old: Document) -> None:
        """Remove a document."""


class Writing(Protocol):
    """A transaction over all collections of a store: committed when its block ends, undone when anything is
    raised.
    """

    def definition(self, name: str) -> Definition | None:
        """Return how a collection is defined, None when there is none of the name."""

    def create(self, definition: Definition) -> Change:
        """Make a new, empty collection, in the place of one of the name."""

    def change(self, name: str) -> Change:
        """Return a collection to be changed; QUERY_INVALID, naming the nearest, when there is none of the name."""

    def define(self, definition: Definition) -> Change:
        """Change how a held collection is defined and return it."""

    def drop(self, name: str) -> None:
        """Remove a collection."""

    def flush(self) -> None:
        """Let a transaction that joins this one see its changes."""

    def remembered(self, token: str) -> Written | None:
        """Return what the write of a token did, None where it is not among the last thousand."""

    def remember(self, token: str, written: Written) -> None:
        """Keep what the write of a token did, to be committed with it."""
