"""The engine `tinydb:///file.json`: documents in one JSON file, for collections of up to some thousand documents.

Every collection is a TinyDB table, readable by any program that uses TinyDB, and a file that such a program made is
read as it is. All documents stand in memory, so reading is quick at any size; every write writes the whole file, so
above a few thousand documents `document+sqlite` is the better place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Self

from polyroute.engines.call import Call
from polyroute.engines.contract import Traits
from polyroute.engines.document.definition import Definition
from polyroute.engines.document.engine import DocumentEngine
from polyroute.engines.document.schema import Layout
from polyroute.engines.document.store import Collection, Writing
from polyroute.engines.document.tinydb_file import TinyDBFile
from polyroute.engines.document.tinydb_state import TinyCollection
from polyroute.engines.resources import Resource, acquire, acquire_temporary
from polyroute.engines.url import EngineURL
from polyroute.errors import TINYDB, ErrorTable, invalid, unknown_name

_RESOURCE = "tinydb"
_TEMPORARY_NAME = "documents.json"


class TinyDBEngine(DocumentEngine):
    """Documents in a TinyDB file."""

    traits: ClassVar[Traits] = Traits(idempotent_writes=True)
    errors: ClassVar[ErrorTable] = TINYDB

    def __init__(self, resource: Resource[TinyDBFile]) -> None:
        self._resource = resource
        self._file = resource.handle
        self._open = True

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the file of an address, or make it; without a path a temporary one.

        Raises ENGINE_CONNECTION_FAILED when the place cannot be reached, ENGINE_UNAVAILABLE when the file is no
        TinyDB database.
        """
        if url.path is None:
            return cls(acquire_temporary(_RESOURCE, _TEMPORARY_NAME, TinyDBFile, TinyDBFile.close))
        return cls(
            acquire(
                _RESOURCE,
                url.path,
                lambda path: TinyDBFile(path, read_only=read_only),
                TinyDBFile.close,
                read_only=read_only,
            )
        )

    @property
    def resource(self) -> Resource[TinyDBFile]:
        """The file beneath."""
        return self._resource

    def close(self) -> None:
        """Leave the file."""
        if self._open:
            self._open = False
            self._resource.release()

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Refuse: documents stand in memory, found by key at once and by anything else in one pass."""
        raise invalid("TinyDB has no indexes", hint="keep the collection in document+sqlite, which has")

    def data_version(self, dataset: str) -> object | None:
        """Return what tells the state of the file from every other, whoever wrote it."""
        return self._file.storage.version()

    def _collections(self) -> Mapping[str, tuple[Definition, Layout]]:
        held = self._file.state().collections
        return {name: (collection.definition, collection.layout) for name, collection in held.items()}

    @contextmanager
    def _reading(self, name: str, call: Call) -> Iterator[Collection]:
        yield self._held(name)

    def _writing(self, call: Call) -> AbstractContextManager[Writing]:
        return self._file.transaction(call)

    def _rows(self, name: str) -> int | None:
        return len(self._held(name).documents)

    def _held(self, name: str) -> TinyCollection:
        collections = self._file.state().collections
        if name not in collections:
            raise unknown_name("dataset", name, collections)
        return collections[name]
