"""Random interleavings of reads and writes over the production cache, one explicit step at a time.

Every actor is a generator whose steps are those of the production code; a seeded scheduler picks who goes next, so any
order of steps can come, and the same one comes again. A read is stale when it gives a state older than the one that was
committed when it began, and not monotonic when it gives an older one than a read that had ended by then.

The store is a number per dataset that each commit raises, on a production `Resource`; programs outside raise it without
touching the epoch. A cache with a fault is handed in as a subclass, to show that the check would find it.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from polyroute.engines.resources.shared import Resource
from polyroute.optimizer.cache import Reading, ResultCache, Source
from polyroute.result import QueryResult, Rows

Steps = Generator[None, None, None]

DATASETS = ("airports", "flights", "weather")
QUESTIONS: Sequence[tuple[str, ...]] = [(d,) for d in DATASETS] + [("airports", "flights"), ("flights", "weather")]
_ON_FIRST = ("airports", "flights")


class Store:
    """Two stores: one holds two of the datasets and tells of every change, the other holds the third."""

    def __init__(self) -> None:
        path = Path("nowhere")
        self.resources = [
            Resource("steps", path, None, lambda handle: None, read_only=False, temporary=False) for _ in range(2)
        ]
        self.committed = dict.fromkeys(DATASETS, 0)
        self.tokens = [0, 0]

    def place(self, dataset: str) -> int:
        return 0 if dataset in _ON_FIRST else 1

    def commit(self, dataset: str, *, cascade: bool) -> None:
        """Raise a dataset; a cascade raises what lies beside it too, as a trigger would."""
        place = self.place(dataset)
        for name in DATASETS:
            if name == dataset or (cascade and self.place(name) == place):
                self.committed[name] += 1
        self.tokens[place] += 1


class StoreEngine:
    """One of the stores as an engine."""

    def __init__(self, store: Store, place: int) -> None:
        self._store = store
        self._place = place

    @property
    def resource(self) -> Resource[None]:
        return self._store.resources[self._place]

    def data_version(self, dataset: str) -> object:
        return self._store.tokens[self._place]

    def volatile(self, dataset: str) -> bool:
        return False


@dataclass
class Findings:
    """What was seen: the reads made, how many came from the cache, how many were wrong."""

    reads: int = 0
    kept: int = 0
    shared: int = 0
    stale: int = 0
    not_monotonic: int = 0


class World:
    """One cache over the stores, and the states that reads may give."""

    def __init__(self, cache: ResultCache, *, make_source: type[Source] = Source) -> None:
        self.cache = cache
        self.store = Store()
        self.findings = Findings()
        self.seen = dict.fromkeys(DATASETS, 0)
        engines = [StoreEngine(self.store, place) for place in range(2)]
        self.sources = {
            d: make_source(engines[self.store.place(d)], d, self.store.resources[self.store.place(d)]) for d in DATASETS
        }

    def read(self, names: tuple[str, ...]) -> Steps:
        """Ask for the states of some datasets: the steps of `hit`, `begin` and `answer`."""
        written, key = ("q", names), " ".join(names)
        floor = [self.store.committed[n] for n in names]
        before = [self.seen[n] for n in names]
        hit = self.cache.hit(written, 0)
        if hit is not None:
            return self._check(names, hit, floor, before)
        yield
        reading = self.cache.begin(tuple(self.sources[n] for n in names))
        yield
        if reading is None:
            return self._check(names, (yield from self._load(names)), floor, before)
        entry, flight, leads = self.cache._arrive(key, reading)
        if entry is not None:
            return self._check(names, self.cache._given(entry), floor, before)
        yield
        if leads:
            result = yield from self._load(names)
            yield
            led = self.cache._lead(flight, reading, lambda: result, written, 0)
            return self._check(names, led, floor, before)
        while not flight._landed:
            yield
        if flight.answer is None:
            return self._check(names, (yield from self._load(names)), floor, before)
        self.findings.shared += 1
        return self._check(names, flight.answer.fresh(), floor, before)

    def write(self, dataset: str, *, commits: bool, cascade: bool) -> Steps:
        """Write through the coordinator: the epoch is odd from before the change until after it."""
        writing: AbstractContextManager[None] = self.store.resources[self.store.place(dataset)].writing()
        writing.__enter__()
        yield
        if commits:
            self.store.commit(dataset, cascade=cascade)
        yield
        self.after_write()
        writing.__exit__(None, None, None)

    def after_write(self) -> None:
        """Do what a faulty cache would do at a write."""

    def write_outside(self, dataset: str) -> Steps:
        """Write as another program does."""
        yield
        self.store.commit(dataset, cascade=False)

    def _load(self, names: tuple[str, ...]) -> Generator[None, None, QueryResult]:
        states = []
        for name in names:
            states.append(self.store.committed[name])
            yield
        return QueryResult(Rows(names, [tuple(states)]))

    def _check(self, names: tuple[str, ...], result: QueryResult, floor: list[int], before: list[int]) -> None:
        states = [int(str(state)) for state in result.one()]
        self.findings.reads += 1
        self.findings.kept += result.from_cache
        self.findings.stale += any(s < f for s, f in zip(states, floor, strict=True))
        self.findings.not_monotonic += any(s < b for s, b in zip(states, before, strict=True))
        for name, state in zip(names, states, strict=True):
            self.seen[name] = max(self.seen[name], state)


def interleave(world: World, *, reads: int, seed: int, outside: bool = True) -> Findings:
    """Run actors in random steps until so many reads have ended; at most five actors at a time."""
    rng = random.Random(seed)
    actors: list[Steps] = []
    while world.findings.reads < reads:
        while len(actors) < 5:
            actors.append(_actor(world, rng, outside))
        actor = rng.choice(actors)
        if next(actor, "ended") == "ended":
            actors.remove(actor)
    return world.findings


def _actor(world: World, rng: random.Random, outside: bool) -> Steps:
    chance = rng.random()
    if chance < 0.8:
        return world.read(rng.choice(QUESTIONS))
    dataset = rng.choice(DATASETS)
    if chance < 0.95 or not outside:
        return world.write(dataset, commits=rng.random() < 0.7, cascade=rng.random() < 0.3)
    return world.write_outside(dataset)


class EpochAtStore(ResultCache):
    """A fault: versions are taken when the answer is stored."""

    def _entry(self, key: str, reading: Reading, kept: object, started: float) -> object:  # type: ignore[override]
        late = super().begin(reading.sources)
        return super()._entry(key, late or reading, kept, started)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class IgnoringOdd(Source):
    """A fault: an odd epoch is a state like others."""

    def version(self) -> object:  # type: ignore[override]
        from polyroute.optimizer.cache import Version

        return Version(self.resource.epoch, 0)


@dataclass(frozen=True, slots=True)
class IgnoringToken(Source):
    """A fault: nobody asks the engine."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", _Mute(self.engine.resource))


@dataclass(frozen=True, slots=True)
class IgnoringEpoch(Source):
    """Half of a fault: nothing tells of writes, see `DeletingWorld`."""

    def __post_init__(self) -> None:
        still = Resource("still", Path("nowhere"), None, lambda handle: None, read_only=False, temporary=False)
        object.__setattr__(self, "engine", _Mute(still))
        object.__setattr__(self, "resource", still)


class _Mute:
    def __init__(self, resource: object) -> None:
        self.resource = resource

    def data_version(self, dataset: str) -> object:
        return "always the same"

    def volatile(self, dataset: str) -> bool:
        return False


class DeletingWorld(World):
    """A fault: a write deletes what is kept, instead of moving a version."""

    def after_write(self) -> None:
        self.cache.clear()
