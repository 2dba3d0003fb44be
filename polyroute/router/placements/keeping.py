"""What the catalog does for datasets in several engines: who holds a copy, who was left behind, who may be believed.

Copies are marked before their primary is written, so that a crash in the middle leaves them marked. Whoever makes a
copy announces it first, so that it never looks like another dataset of the same name.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from polyroute.engines import Engine
from polyroute.engines.resources.shared import naming
from polyroute.errors import Outcome, PolyrouteError, invalid
from polyroute.router.placements.copies import State, lasting_state, state_of
from polyroute.router.placements.placement import Entry, Placement
from polyroute.router.placements.policy import RefreshPolicy
from polyroute.router.placements.records import Record, write_records


class CopyKeeping(ABC):
    """The part of the catalog that keeps records of copies; `on_change` is called when a primary has been written."""

    _lock: threading.RLock
    _engines: dict[str, Engine]
    _entries: dict[str, Entry]
    _records: dict[str, Record]
    _state: Path | None
    on_change: Callable[[], object]

    @abstractmethod
    def refresh(self) -> None:
        """Ask every engine what it holds."""

    @abstractmethod
    def _rebuild(self) -> None: ...

    @property
    def has_copies(self) -> bool:
        """Whether any dataset lies in several engines."""
        return bool(self._records)

    def stale_copies(self, name: str) -> frozenset[str]:
        """Return the engines whose copy of a dataset is older than its primary."""
        record = self._records.get(name)
        return frozenset(record.stale if record else ())

    def check_load(self, name: str, engine_ids: Iterable[str]) -> None:
        """Refuse a load into copies of a dataset that leaves its primary out; QUERY_INVALID."""
        record = self._records.get(name)
        loaded = list(engine_ids)
        if record is not None and record.engines[0] not in loaded and set(loaded) & set(record.engines):
            raise invalid(
                f"{name!r} is written in its primary {record.engines[0]}", hint=f"load into {record.engines[0]} too"
            )

    def record_load(
        self,
        name: str,
        engine_ids: Iterable[str],
        *,
        whole: bool,
        stale: frozenset[str],
        before: object | None = None,
    ) -> None:
        """Remember that a load made these engines hold one dataset; `before` is the primary's foreign token before it.

        After a `whole` load all of them hold the same; after an addition the copies do that were not `stale` before it.
        Copies that were left out are stale.
        """
        with self._lock:
            loaded = list(engine_ids)
            record = self._records.get(name)
            others = [] if record is None else [e for e in record.engines if e not in loaded]
            behind = [] if whole else [e for e in loaded if e in stale]
            if record is not None and record.engines[0] in loaded:
                loaded = [record.engines[0], *(e for e in loaded if e != record.engines[0])]
            if len(loaded) + len(others) > 1:
                copies = {} if record is None else record.copies
                record = self._records[name] = Record([*loaded, *others], [*behind, *others], copies)
                for engine_id in loaded[1:]:
                    if engine_id not in behind:
                        self._fill(name, record, engine_id, before)
            else:
                self._records.pop(name, None)
            self._write()
            self._rebuild()

    def _fill(self, name: str, record: Record, engine_id: str, before: object | None) -> None:
        """Note that a load into primary and copy made both the same; `before` is the primary's token before it."""
        primary, own = self._engines[record.engines[0]], self._engines[engine_id]
        source = state_of(primary, name)
        own_writes_move_it = type(primary).foreign_version is Engine.foreign_version
        if source is not None and not own_writes_move_it and before != source.foreign:
            source = None  # somebody else wrote the primary while it was loaded
        record.copy(engine_id).filled(source, state_of(own, name))

    def foreign_token(self, engine_id: str, name: str) -> object | None:
        """Return the token that writes of other programs move, before a load."""
        engine = self._engines.get(engine_id)
        try:
            return None if engine is None else engine.foreign_version(name)
        except Exception:  # noqa: BLE001 - a dataset that is not there yet has none
            return None

    @contextmanager
    def writing(self, names: Iterable[str]) -> Iterator[None]:
        """Hold the copies of datasets for stale while their primaries are written, and from then on.

        They are marked before the write, so that a crash in the middle leaves them marked, and unmarked only when the
        write is known to have left nothing behind.
        """
        written = list(names)
        copied = [name for name in written if name in self._records]
        before = {name: list(self._records[name].stale) for name in copied}
        self._mark({name: self._records[name].engines[1:] for name in copied})
        try:
            with naming(written):
                yield
        except PolyrouteError as exc:
            if exc.outcome in (Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK):
                self._mark(before)
            else:
                self._note_changes(written)
            raise
        except BaseException:
            self._note_changes(written)
            raise
        if copied:
            self.on_change()

    def _note_changes(self, names: Iterable[str]) -> None:
        """Tell the stores that a write which failed may have changed datasets all the same."""
        for name in names:
            entry = self._entries.get(name)
            if entry is not None:
                entry.primary.engine.resource.note_changes([name])

    def _mark(self, stale: Mapping[str, list[str]]) -> None:
        with self._lock:
            changed = {n: e for n, e in stale.items() if n in self._records and self._records[n].stale != e}
            for name, engine_ids in changed.items():
                self._records[name].stale = engine_ids
            if changed:
                self._write()
                self._rebuild()

    def copies(self) -> list[tuple[str, Placement]]:
        """Return every replica whose engine and whose primary are there, with the name of its dataset."""
        with self._lock:
            entries = [e for e in self._entries.values() if e.name in self._records]
        return [(e.name, p) for e in entries for p in e.placements if p.copy is not None and p.source is not None]

    def is_behind(self, name: str, engine_id: str) -> bool:
        """Tell whether the replica of a dataset in an engine may not stand for its primary now."""
        return any(n == name and p.engine.id == engine_id and p.stale for n, p in self.copies())

    def announce_copy(self, name: str, primary_id: str, engine_id: str) -> bool:
        """Say that an engine is about to hold a copy, so that it never looks like another dataset of the name; tell
        whether that was new.
        """
        with self._lock:
            record = self._records.setdefault(name, Record([primary_id]))
            if engine_id in record.engines:
                return False
            record.engines.append(engine_id)
            record.copy(engine_id)
            self._write()
            self._rebuild()
            return True

    def record_copy(self, name: str, engine_id: str, policy: RefreshPolicy, source: State | None) -> None:
        """Remember that a copy was made of a primary which was in this state before it was read."""
        with self._lock:
            record = self._records[name]
            copy = record.copy(engine_id)
            copy.policy = policy
            copy.filled(source, state_of(self._engines[engine_id], name))
            # a write that came while the copy was made has left it behind already
            if source is not None and state_of(self._engines[record.engines[0]], name) == source:
                record.stale = [e for e in record.stale if e != engine_id]
            self._write()
            self.refresh()
            self._rebuild()

    def record_policy(self, name: str, engine_id: str, policy: RefreshPolicy) -> None:
        """Remember when a replica is to be refreshed."""
        with self._lock:
            self._records[name].copy(engine_id).policy = policy
            self._write()

    def forget_copy(self, name: str, engine_id: str) -> None:
        """Forget that an engine holds a copy of a dataset; what it holds is then a dataset of its own."""
        with self._lock:
            record = self._records[name]
            record.engines.remove(engine_id)
            record.stale = [e for e in record.stale if e != engine_id]
            record.copies.pop(engine_id, None)
            if len(record.engines) < 2:
                del self._records[name]
            self._write()
            self.refresh()
            self._rebuild()

    def leave(self, engine_ids: Iterable[str]) -> Callable[[], None]:
        """Note which copies are current before engines are closed; what is returned keeps that, to be called after."""
        leaving = set(engine_ids)
        current = [
            (p.copy, lasting_state(p.source, name), lasting_state(p.engine, name))
            for name, p in self.copies()
            if p.copy is not None and p.source is not None and leaving & {p.engine.id, p.source.id} and not p.stale
        ]

        def closed() -> None:
            for copy, primary, own in current:
                kept = (primary(), own())
                copy.lasting = None if kept[0] is None or kept[1] is None else (kept[0], kept[1])
                copy.source = copy.held = None
            if current:
                # where the state folder cannot be written, copies are believed again after a refresh only
                with suppress(OSError):
                    self._write()

        return closed

    def _trust_again(self) -> None:
        for name, placement in self.copies():
            if placement.copy is not None and placement.source is not None:
                placement.copy.trusted_again(name, placement.source, placement.engine)

    def record_drop(self, name: str) -> None:
        """Forget the placements of a dropped dataset."""
        with self._lock:
            if self._records.pop(name, None) is not None:
                self._write()
            self.refresh()

    def _write(self) -> None:
        write_records(self._state, self._records)
