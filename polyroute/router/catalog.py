"""The catalog: which datasets there are, and in which engines each of them lies.

Engines report what they hold; the coordinator alone knows which of those are copies of one dataset. Only a load into
several engines (or a replication) makes placements; equal names in two engines without such a record are two datasets,
and the bare name is then refused as ambiguous. The record is kept in the state folder. A write to the primary, by
whomever, leaves the other placements behind: they are `stale` and not read until they are refreshed or loaded again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from polyroute.engines import Dataset, Engine
from polyroute.engines.execution import translated
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, unknown_name
from polyroute.router.placements.keeping import CopyKeeping
from polyroute.router.placements.placement import Entry, Placement
from polyroute.router.placements.records import Record, read_records

__all__ = ["Catalog", "Entry", "Placement"]

REFRESH_S = 1.0


class Catalog(CopyKeeping):
    """All datasets of a coordinator by name; thread-safe, and refreshed when an engine's datasets change."""

    def __init__(self, state: Path | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._state = None if state is None else state / "placements.json"
        self._records: dict[str, Record] = read_records(self._state)
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

    def _entry(self, name: str, engine_ids: list[str], record: Record | None) -> Entry:
        stale = set(record.stale) if record else set()
        primary = record.engines[0] if record else engine_ids[0]
        placements = [Placement(self._engines[e], self._seen[e][name], e == primary, e in stale) for e in engine_ids]
        for placement in placements:
            if record is not None and not placement.primary:
                placement.copy = record.copy(placement.engine.id)
                placement.source = self._engines.get(primary) if primary in engine_ids else None
        return Entry(name, placements[0].dataset, placements)


def _in_other_case(name: str, names: Iterable[str]) -> str | None:
    """Return the one name that differs only in case, or None when there is none, or more than one."""
    folded = name.lower()
    near = [n for n in names if n.lower() == folded]
    return near[0] if len(near) == 1 else None
