"""What the reference engines have in common: opening, loading, scanning, versions, and how a write is done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, Engine, LoadSpec, Pushed, Statistics, Traits
from polyroute.engines.local import evaluate_scan
from polyroute.engines.resources import Resource, acquire
from polyroute.engines.url import EngineURL
from polyroute.errors import COMMON, DatabaseErrorCode, ErrorTable, invalid, make_error, unknown_name
from polyroute.operations import Operation
from polyroute.result import Rows
from tests.engines.reference.place import Held, Place, State, is_held, place_of

URL = "reference:///{folder}/data"

Key = tuple[object, ...]


class ReferenceEngine(Engine):
    """Tables in memory: what every kind of reference engine does alike."""

    traits: ClassVar[Traits] = Traits(cancellable=True, idempotent_writes=True)
    errors: ClassVar[ErrorTable] = COMMON

    def __init__(self, resource: Resource[Place]) -> None:
        self._resource = resource
        self._place = resource.handle
        self._open = True

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the place of a path; read-only it must be there already."""
        assert url.path is not None
        if not url.path.parent.is_dir() or (read_only and not is_held(url.path)):
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED, f"there is no place {url.path.name!r}", hint="make it first"
            )
        return cls(acquire("reference", url.path, place_of, lambda place: None, read_only=read_only))

    def close(self) -> None:
        """Leave the place."""
        if self._open:
            self._open = False
            self._resource.release()

    @property
    def resource(self) -> Resource[Place]:
        """The place."""
        return self._resource

    @property
    def state(self) -> State:
        """What the place holds now."""
        return self._place.state

    def datasets(self) -> Mapping[str, Dataset]:
        """Return what the place holds."""
        return {name: held.dataset for name, held in self.state.held.items()}

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise everything: the local evaluation is the reference."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read a dataset."""
        call.check()
        return evaluate_scan(self.table(self.held(op.dataset.name), op.part), op, call)

    def held(self, name: str | None) -> Held:
        """Return a dataset with its content; QUERY_INVALID, naming the nearest, when there is none."""
        return found(self.state.held, name)

    def table(self, held: Held, part: str | None = None) -> pa.Table:
        """Return a dataset, or a part of one, as a table."""
        return held.content

    def data_version(self, dataset: str) -> object | None:
        """Return the number of the dataset's last change."""
        return self.held(dataset).version

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the row count."""
        return Statistics(self.table(self.held(dataset), part).num_rows)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store batches, all or nothing."""
        given = self.read(spec, call)
        name = spec.dataset.name
        self.check_writable()
        with self._place.changing() as draft:
            before = draft.held.get(name)
            if before is not None and spec.mode == "create":
                raise invalid(f"there is a dataset {name!r} already", hint="load with mode='replace'")
            if before is None or spec.mode == "replace":
                before = self.empty(spec)
            after = self.added(before, given, spec)
            call.check()
            spec.before_commit()
            draft.held[name] = after
        return len(given)

    def read(self, spec: LoadSpec, call: Call) -> Any:
        """Read all batches into a table."""
        batches = []
        for batch in spec.batches():
            call.check()
            batches.append(batch)
            spec.advance(batch.num_rows)
        return pa.Table.from_batches(batches, spec.dataset.schema)

    def empty(self, spec: LoadSpec) -> Held:
        """Return the dataset of a load before anything is stored in it."""
        return Held(spec.dataset, spec.dataset.schema.empty_table())

    def added(self, before: Held, given: Any, spec: LoadSpec) -> Held:
        """Return a dataset with the rows of a load."""
        add = upserted if spec.mode == "upsert" else appended
        return self.checked(before.dataset, add(before, given))

    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        """Return a dataset with a new content, if that may be kept."""
        check_keys(dataset, table)
        return Held(dataset, table)

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a dataset."""
        self.check_writable()
        with self._place.changing() as draft:
            found(draft.held, dataset)
            del draft.held[dataset]

    def check_writable(self) -> None:
        """Refuse to write where the place is open read-only."""
        if self._resource.read_only:
            raise invalid("the place is open read-only", hint="connect without read_only to write")

    def write(self, op: Operation, call: Call, change: Callable[[Held], tuple[Held, Rows]]) -> Rows:
        """Change one dataset; a write whose idempotency key was seen before is not done again."""
        self.check_writable()
        key = call.idempotency_key
        with self._place.changing() as draft:
            if key is not None and key in draft.done:
                return draft.done[key]
            after, answer = change(found(draft.held, op.dataset))
            call.check()
            draft.held[str(op.dataset)] = after
            if key is not None:
                draft.done[key] = answer
        return answer


def found(held: Mapping[str, Held], name: str | None) -> Held:
    """Return one of the datasets; QUERY_INVALID, naming the nearest, when there is none of the name."""
    if name not in held:
        raise unknown_name("dataset", str(name), held)
    return held[name]


def affected(count: int) -> Rows:
    """Return the answer of a write."""
    return Rows((), [], affected=count)


def keys_of(table: pa.Table, key: tuple[str, ...]) -> list[Key]:
    """Return the key of every row."""
    return list(zip(*(table[column].to_pylist() for column in key), strict=True))


def appended(before: Held, given: pa.Table) -> pa.Table:
    """Return the rows with more rows behind them."""
    return pa.concat_tables([before.content, given])


def upserted(before: Held, given: pa.Table) -> pa.Table:
    """Return the rows with others put in the place of those that have their keys; the last of equal keys stays."""
    both = appended(before, given)
    last = {key: row for row, key in enumerate(keys_of(both, before.dataset.key))}
    return both.take(pa.array(sorted(last.values()), pa.int64()))


def check_keys(dataset: Dataset, table: pa.Table) -> None:
    """Refuse a NULL in a key, and a key that comes twice."""
    for column in dataset.key:
        if table[column].null_count:
            raise invalid(f"column {column!r} is the key and holds NULL", hint="give every row its key")
    if dataset.key and len(set(keys_of(table, dataset.key))) < table.num_rows:
        raise make_error(
            DatabaseErrorCode.CONSISTENCY_VIOLATION,
            f"two rows of {dataset.name!r} have one key",
            hint="load with mode='upsert'",
        )
