"""Engines that forget, that do not see what others do, or that mix up threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, LoadSpec, Statistics
from polyroute.engines.resources import Resource
from polyroute.engines.url import EngineURL
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.place import Draft, Held, Place, State, place_of

_RESTART = "test_everything_is_there_after_a_restart"
_OTHERS = "test_what_another_user_writes_is_seen"
_VERSION = "test_the_data_version_changes_with_the_data"


@fault(_RESTART, kinds=("vector", "graph", "timeseries"))
class ForgetsRolesOnRestart(ReferenceEngine):
    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        state = self._place.state
        known = {n: replace(h, dataset=replace(h.dataset, roles={})) for n, h in state.held.items()}
        self._place.state = State(known, state.done)


@fault(_RESTART, "test_types_survive_a_restart", kinds=ALL_KINDS)
class ForgetsEverythingOnRestart(ReferenceEngine):
    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        self._place.state = State()


@fault("test_a_read_only_engine_answers_and_changes_nothing", kinds=ALL_KINDS)
class WritesAlthoughReadOnly(ReferenceEngine):
    def check_writable(self) -> None:
        """Do not look."""


@fault("test_a_read_only_engine_answers_and_changes_nothing", kinds=ALL_KINDS)
class SwallowsWritesWhenReadOnly(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return 0 if self._resource.read_only else super().load(spec, call)


@fault("test_a_place_that_is_not_there_is_told", kinds=ALL_KINDS)
class MakesFoldersOnTheWay(ReferenceEngine):
    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        assert url.path is not None
        url.path.parent.mkdir(parents=True, exist_ok=True)
        return super().open(url, read_only=read_only)


@fault("test_a_place_that_is_not_there_is_told")
class ReadsFromNothing(ReferenceEngine):
    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        assert url.path is not None
        place_of(url.path)
        return super().open(url, read_only=read_only)


class Remembering(ReferenceEngine):
    """Look into the place only after writes of its own."""

    _seen: State | None = None

    @property
    def state(self) -> State:
        if self._seen is None:
            self._seen = self._place.state
        return self._seen

    def load(self, spec: LoadSpec, call: Call) -> int:
        try:
            return super().load(spec, call)
        finally:
            self._seen = None

    def drop(self, dataset: str, call: Call) -> None:
        super().drop(dataset, call)
        self._seen = None


@fault(_OTHERS, _VERSION, "test_the_row_count_is_true", kinds=ALL_KINDS)
class SeesItsOwnWritesOnly(Remembering):
    pass


@fault(_OTHERS)
class RemembersWhatThereIs(ReferenceEngine):
    """It reads rows anew, but remembers which datasets there are."""

    _known: Mapping[str, Dataset] | None = None

    def datasets(self) -> Mapping[str, Dataset]:
        if self._known is None:
            self._known = super().datasets()
        return self._known

    def load(self, spec: LoadSpec, call: Call) -> int:
        rows = super().load(spec, call)
        self._known = None
        return rows


@fault(_OTHERS)
class ClosesForEverybody(ReferenceEngine):
    def close(self) -> None:
        super().close()
        self._place.state = State()


@fault(_VERSION, kinds=ALL_KINDS)
class HasOneVersion(ReferenceEngine):
    def data_version(self, dataset: str) -> object | None:
        return 1


@fault(_VERSION)
class CountsReadsAsChanges(ReferenceEngine):
    _count = 0

    def scan(self, op: BoundScan, call: Call) -> Answer:
        self._count += 1
        return super().scan(op, call)

    def data_version(self, dataset: str) -> object | None:
        return super().data_version(dataset), self._count


@fault(_VERSION)
class CountsItsOwnWritesOnly(ReferenceEngine):
    _count = 0

    def load(self, spec: LoadSpec, call: Call) -> int:
        self._count += 1
        return super().load(spec, call)

    def data_version(self, dataset: str) -> object | None:
        return self._count


@fault(_VERSION)
class TakesTheRowCountForTheVersion(ReferenceEngine):
    def data_version(self, dataset: str) -> object | None:
        return self.statistics(dataset).row_count


@fault("test_the_row_count_is_true", kinds=ALL_KINDS)
class RemembersTheFirstRowCount(ReferenceEngine):
    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        counts: dict[object, Statistics] = self.__dict__.setdefault("counts", {})
        return counts.setdefault((dataset, part), super().statistics(dataset, part))


@fault("test_the_row_count_is_true")
class CountsOneTooMany(ReferenceEngine):
    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        return Statistics((super().statistics(dataset, part).row_count or 0) + 1)


@fault("test_the_row_count_is_true")
class GuessesWildly(ReferenceEngine):
    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        return Statistics(about=1_000_000)


@fault("test_many_threads_get_right_answers", kinds=ALL_KINDS)
class KeepsTheQuestionInTheEngine(ReferenceEngine):
    _asked: BoundScan

    def scan(self, op: BoundScan, call: Call) -> Answer:
        self._asked = op
        time.sleep(0.001)
        return super().scan(self._asked, call)


class Unguarded(Place):
    """A place whose changes do not exclude one another."""

    def __init__(self, place: Place) -> None:
        self._inner = place
        self._lock = threading.RLock()

    @property
    def state(self) -> State:  # type: ignore[override]
        return self._inner.state

    @contextmanager
    def changing(self) -> Iterator[Draft]:
        draft = Draft(dict(self.state.held), dict(self.state.done))
        yield draft
        time.sleep(0.002)
        self._inner.state = State(draft.held, draft.done)


@fault("test_no_acknowledged_write_is_lost_between_threads", kinds=ALL_KINDS)
class LosesWritesBetweenThreads(ReferenceEngine):
    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        self._place = Unguarded(self._place)


@fault("test_a_replaced_dataset_is_seen_whole", kinds=ALL_KINDS)
class ShowsAReplacedDatasetEmpty(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        if spec.mode == "replace":
            with self._place.changing() as draft:
                draft.held[spec.dataset.name] = self.empty(spec)
            time.sleep(0.02)
        return super().load(spec, call)


@fault("test_a_replaced_dataset_is_seen_whole")
class ShowsAReplacedDatasetRowByRow(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        if spec.mode != "replace":
            return super().load(spec, call)
        given: Any = self.read(spec, call)
        for rows in range(given.num_rows + 1):
            with self._place.changing() as draft:
                draft.held[spec.dataset.name] = Held(spec.dataset, given.slice(0, rows))
            time.sleep(0.005)
        return int(given.num_rows)
