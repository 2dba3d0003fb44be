"""The catalog: which datasets there are, and in which engines each of them lies.

Engines report what they hold; the coordinator alone knows which of those are copies of one dataset. Only a load into
several engines (or a replication) makes placements; equal names in two engines without such a record are two datasets,
and the bare name is then refused as ambiguous. The record is kept in the state folder. A write to the primary, by
whomever, leaves the other placements behind: they are `stale` and not read until they are refreshed or loaded again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyroute.engines import Dataset, Engine
from polyroute.engines.execution import translated
from polyroute.engines.resources.shared import naming
from polyroute.errors import DatabaseErrorCode, Outcome, PolyrouteError, invalid, unknown_name
from polyroute.router.placements.copies import Copy, Lag, State, lasting_state, state_of
from polyroute.router.placements.policy import RefreshPolicy
from polyroute.router.state import write_atomically

REFRESH_S = 1.0


@dataclass(slots=True)
class Placement:
    """One dataset in one engine.

    `overtaken` means that the primary was written through the coordinator since; what else is known of a replica is in
    its `copy`, and `source` is its primary. `freshness` is what an answer from here says of itself.
    """

    engine: Engine
    dataset: Dataset
    primary: bool = True
    overtaken: bool = False
    copy: Copy | None = None
    source: Engine | None = None
    freshness: str = "current"

    @property
    def stale(self) -> bool:
        """Whether the primary may have been written since this copy of it was made."""
        return self.behind() is not None

    def behind(self) -> Lag | None:
        """Tell why this placement may not stand for its primary now, or None when it may.

        What the caller's own connection wrote must be seen by it, however old a state it would take.
        """
        if self.overtaken:
            return Lag("its copy is older than the primary")
        if self.copy is None or self.source is None:
            return None
        return self.copy.behind(self.dataset.name, self.source, self.engine)


@dataclass(slots=True)
class Entry:
    """A logical dataset: its schema, kind, roles (those of the primary) and its placements, the primary first."""

    name: str
    dataset: Dataset
    placements: list[Placement] = field(default_factory=list)

    @property
    def primary(self) -> Placement:
        """The placement that takes the writes."""
        return self.placements[0]


@dataclass(slots=True)
class _Record:
    """What the coordinator knows of one dataset's copies: engine ids, the primary first, and the stale ones."""

    engines: list[str]
    stale: list[str] = field(default_factory=list)
    copies: dict[str, Copy] = field(default_factory=dict)

    def copy(self, engine_id: str) -> Copy:
        """Return what is known of one copy."""
        return self.copies.setdefault(engine_id, Copy())


class Catalog:
    """All datasets of a coordinator by name; thread-safe, and refreshed when an engine's datasets change."""

    def __init__(self, state: Path | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._state = None if state is None else state / "placements.json"
        self._records: dict[str, _Record] = self._read()
        self._entries: dict[str, Entry] = {}
        self._ambiguous: dict[str, list[str]] = {}
        self._seen: dict[str, Mapping[str, Dataset]] = {}
        self._next_check = 0.0
        self._lock = threading.RLock()
        self.epoch = 0
        self.on_change: Callable[[], object] = lambda: None

    def add(self, engine: Engine) -> None:
        """Take an engine's datasets in."""
        with self._lock:
            self._engines[engine.id] = engine
            self.refresh()
            self._trust_again()

    def remove(self, engine_id: str) -> None:
        """Forget an engine and its placements; the record of its copies stays, for when it comes back."""
        with self._lock:
            self._engines.pop(engine_id, None)
            self._seen.pop(engine_id, None)
            self._rebuild()

    def entries(self) -> dict[str, Entry]:
        """Return every dataset by the name it is asked by: `engine.name` where the bare name means several."""
        self._refresh_when_due()
        with self._lock:
            named = dict(self._entries)
            for name, held in self._ambiguous.items():
                pinned = {f"{e}.{name}": self._pinned(e, name) for e in held}
                named.update({n: p for n, p in pinned.items() if p is not None})
            return named

    def current_epoch(self) -> int:
        """Return a number that changes whenever what is known does, after a look at the engines if one is due."""
        if time.monotonic() > self._next_check:
            self._refresh_when_due()
        return self.epoch

    def find(self, name: str) -> Entry | None:
        """Return the dataset of a name as a person writes it, or None: `dataset`, or `engine.dataset` for one
        placement.

        Raises QUERY_INVALID for a bare name that means several datasets.
        """
        if not isinstance(name, str):
            raise invalid(f"the name of a dataset is a text, not {type(name).__name__}", hint="see db.datasets")
        if time.monotonic() > self._next_check:
            self._refresh_when_due()
        found = self._entries.get(name)
        if found is not None:
            return found
        if name in self._ambiguous:
            ways = " or ".join(f"{e}.{name}" for e in self._ambiguous[name])
            raise invalid(
                f"{name!r} is a different dataset in each of {', '.join(self._ambiguous[name])}", hint=f"write {ways}"
            )
        engine_id, dot, rest = name.partition(".")
        if dot and engine_id in self._engines:
            return self._pinned(engine_id, rest)
        found_name = _in_other_case(name, self._entries)
        return None if found_name is None else self._entries[found_name]

    def resolve(self, name: str) -> Entry:
        """Return the dataset of a name, looking at the engines again before giving up.

        Raises QUERY_INVALID, naming the nearest, when there is none, and the error of an engine that cannot tell what
        it holds: a damaged dataset must not look like one that never was.
        """
        found = self.find(name)
        if found is None:
            self.refresh()
            found = self.find(name)
        if found is None:
            self._ask_engines(name)
            raise unknown_name("dataset", name, self.names())
        return found

    def _ask_engines(self, name: str) -> None:
        """Let every engine say why it does not show a dataset; QUERY_INVALID only says that it has none."""
        for engine_id, engine in list(self._engines.items()):
            try:
                with translated(engine):
                    engine.dataset(name.removeprefix(f"{engine_id}."))
            except PolyrouteError as exc:
                if exc.code != DatabaseErrorCode.QUERY_INVALID:
                    raise

    def names(self) -> list[str]:
        """Return every name that can be asked for."""
        with self._lock:
            return sorted([*self._entries, *(f"{e}.{n}" for n, held in self._ambiguous.items() for e in held)])

    def names_in(self, engine_id: str) -> list[str]:
        """Return the names that one engine holds."""
        return sorted(self._seen.get(engine_id, {}))

    def refresh(self) -> None:
        """Ask every engine what it holds and rebuild what has changed; an engine that cannot answer keeps what was
        known of it.
        """
        with self._lock:
            changed = False
            for engine_id, engine in self._engines.items():
                try:
                    held = engine.datasets()
                except Exception:  # noqa: BLE001 - the query on it will tell, with the right code
                    held = self._seen.get(engine_id, {})
                seen = self._seen.get(engine_id)
                # an engine that remembers nothing makes its datasets anew each time: equal ones are no change
                if held is not seen and held != seen:
                    self._seen[engine_id] = held
                    changed = True
            self._next_check = time.monotonic() + REFRESH_S
            if changed:
                self._rebuild()

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
                record = self._records[name] = _Record([*loaded, *others], [*behind, *others], copies)
                for engine_id in loaded[1:]:
                    if engine_id not in behind:
                        self._fill(name, record, engine_id, before)
            else:
                self._records.pop(name, None)
            self._write()
            self._rebuild()

    def _fill(self, name: str, record: _Record, engine_id: str, before: object | None) -> None:
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
            record = self._records.setdefault(name, _Record([primary_id]))
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

    def _refresh_when_due(self) -> None:
        if time.monotonic() > self._next_check:
            self.refresh()

    def _pinned(self, engine_id: str, name: str) -> Entry | None:
        held = self._seen.get(engine_id, {})
        if name not in held:
            found = _in_other_case(name, held)
            if found is None:
                return None
            name = found
        dataset = held[name]
        logical = self._entries.get(name)
        placements = [] if logical is None else [p for p in logical.placements if p.engine.id == engine_id]
        return Entry(name, dataset, placements or [Placement(self._engines[engine_id], dataset)])

    def _rebuild(self) -> None:
        holders: dict[str, list[str]] = {}
        for engine_id in self._engines:
            for name in self._seen.get(engine_id, {}):
                holders.setdefault(name, []).append(engine_id)
        entries: dict[str, Entry] = {}
        ambiguous: dict[str, list[str]] = {}
        for name, held in holders.items():
            record = self._records.get(name)
            copies = [e for e in record.engines if e in held] if record else []
            others = self._distinct([e for e in held if e not in copies])
            if (len(others) + bool(copies)) > 1:
                ambiguous[name] = [*copies, *others]
            else:
                entries[name] = self._entry(name, copies or others, record)
        self._entries, self._ambiguous = entries, ambiguous
        self.epoch += 1

    def _distinct(self, engine_ids: list[str]) -> list[str]:
        """Leave out ids that stand on the same store as one before them: theirs is the same table."""
        stores: dict[tuple[object, str], str] = {}
        for engine_id in engine_ids:
            engine = self._engines[engine_id]
            stores.setdefault((engine.resource.key, engine.kind), engine_id)
        return list(stores.values())

    def _entry(self, name: str, engine_ids: list[str], record: _Record | None) -> Entry:
        stale = set(record.stale) if record else set()
        primary = record.engines[0] if record else engine_ids[0]
        placements = [Placement(self._engines[e], self._seen[e][name], e == primary, e in stale) for e in engine_ids]
        for placement in placements:
            if record is not None and not placement.primary:
                placement.copy = record.copy(placement.engine.id)
                placement.source = self._engines.get(primary) if primary in engine_ids else None
        return Entry(name, placements[0].dataset, placements)

    def _read(self) -> dict[str, _Record]:
        if self._state is None or not self._state.exists():
            return {}
        try:
            stored = json.loads(self._state.read_text(encoding="utf-8"))
            return {name: _record_from(stored_record) for name, stored_record in stored.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            aside = self._state.with_suffix(".damaged")
            raise invalid(
                f"{self._state.name} in the state folder cannot be read",
                hint=f"move it aside, say to {aside.name}: no data is lost, replicas become datasets of their own",
            ) from exc

    def _write(self) -> None:
        if self._state is not None:
            stored = {name: _stored(record) for name, record in self._records.items()}
            write_atomically(self._state, json.dumps(stored, indent=1))


def _stored(record: _Record) -> dict[str, object]:
    copies = {
        engine_id: {"refresh": copy.policy.text, "copied_at": copy.copied_at, "lasting": copy.lasting}
        for engine_id, copy in record.copies.items()
    }
    return {"engines": record.engines, "stale": record.stale, "copies": copies}


def _record_from(stored: Mapping[str, Any]) -> _Record:
    record = _Record(list(stored["engines"]), list(stored["stale"]))
    for engine_id, kept in stored.get("copies", {}).items():
        copy = record.copy(engine_id)
        copy.policy = RefreshPolicy.parse(kept["refresh"])
        copy.copied_at = kept["copied_at"]
        if kept["lasting"] is not None:
            primary, own = kept["lasting"]
            copy.lasting = (str(primary), str(own))
    return record


def _in_other_case(name: str, names: Iterable[str]) -> str | None:
    """Return the one name that differs only in case, or None when there is none, or more than one."""
    folded = name.lower()
    near = [n for n in names if n.lower() == folded]
    return near[0] if len(near) == 1 else None
