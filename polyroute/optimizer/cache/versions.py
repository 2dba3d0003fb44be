"""What an answer was read from, and which state of it: the read set and its versions.

A version is taken *before* the answer is computed. It joins the epoch of the resource, which every write through
polyroute moves (odd while one is in progress), and the engine's own token, which writers outside move too. An answer
stored under versions taken before it was read can only be too new for them, never too old, so it is true as long as
the versions still hold. (Taking them when the answer is stored, or deleting entries at a write, is stale in four of
five interleavings of a read in flight with a write.)
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias
from weakref import WeakKeyDictionary


class Epochs(Protocol):
    """What counts writes: `polyroute.engines.resources.Resource`."""

    epoch: int


class Versioned(Protocol):
    """What an engine tells of the state of a dataset."""

    @property
    def resource(self) -> Epochs:
        """The store beneath."""

    def data_version(self, dataset: str) -> object | None:
        """Return a token that differs after every change, or None where the engine cannot tell."""

    def volatile(self, dataset: str) -> bool:
        """Tell whether the dataset may differ from one read to the next though nobody changed it."""


class Version(NamedTuple):
    """One state of one dataset: the store's epoch, and the engine's token (None: it cannot tell)."""

    epoch: int
    token: object | None


Versions: TypeAlias = "tuple[Version, ...]"


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset of a read set, in the engine whose writes decide about it: that of the primary.

    `resource` is kept beside the engine, because an engine that was closed and opened again has another one.
    """

    engine: Versioned
    dataset: str
    resource: Epochs

    def version(self) -> Version | None:
        """Return the state now, or None while a write is in progress and when the engine does not answer."""
        epoch = self.resource.epoch
        if epoch & 1:
            return None
        try:
            return Version(epoch, self.engine.data_version(self.dataset))
        except Exception:  # noqa: BLE001 - a question to the engine itself will tell, with the right code
            return None


ReadSet: TypeAlias = "tuple[Source, ...]"


class Reading(NamedTuple):
    """A read set with the versions that it had before the answer was computed."""

    sources: ReadSet
    versions: Versions

    @property
    def checkable(self) -> bool:
        """Whether every engine can tell of changes, so that no answer need be believed for a time."""
        return all(version.token is not None for version in self.versions)


def read_versions(sources: ReadSet) -> Versions | None:
    """Return the versions of a read set, or None where one of them cannot be had just now."""
    versions = []
    for source in sources:
        version = source.version()
        if version is None:
            return None
        versions.append(version)
    return tuple(versions)


def epochs_hold(sources: ReadSet, versions: Versions) -> bool:
    """Tell whether no write through polyroute has begun since; cheaper than asking the engines too."""
    return all(s.resource.epoch == v.epoch for s, v in zip(sources, versions, strict=True))


Check: TypeAlias = "tuple[Epochs, int, Callable[[str], object | None], str, object | None]"


def checks(reading: Reading) -> tuple[Check, ...]:
    """Return what has to be compared to know that a reading is still true, laid out for speed."""
    return tuple(
        (source.resource, version.epoch, source.engine.data_version, source.dataset, version.token)
        for source, version in zip(reading.sources, reading.versions, strict=True)
    )


def still_holds(todo: tuple[Check, ...]) -> bool:
    """Tell whether all that was read is still in the state in which it was read."""
    try:
        for resource, epoch, data_version, dataset, token in todo:
            if resource.epoch != epoch or data_version(dataset) != token:
                return False
    except Exception:  # noqa: BLE001 - what cannot be checked is not believed
        return False
    return True


class Tellers:
    """The datasets whose engines have told a version before."""

    def __init__(self) -> None:
        self._told: WeakKeyDictionary[Epochs, set[str]] = WeakKeyDictionary()

    def note(self, sources: ReadSet) -> None:
        """Remember that the engines of a read set can tell."""
        for source in sources:
            told = self._told.get(source.resource)
            if told is None:
                self._told[source.resource] = {source.dataset}
            else:
                told.add(source.dataset)

    def holds_any(self, sources: ReadSet, versions: Versions) -> bool:
        """Tell whether an engine that told before did not tell this version."""
        return any(
            version.token is None and source.dataset in self._told.get(source.resource, ())
            for source, version in zip(sources, versions, strict=True)
        )


class Steady:
    """The datasets that are known not to differ from read to read, each as long as its store is as it was then."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Epochs, dict[str, Version]] = WeakKeyDictionary()

    def holds_all(self, sources: ReadSet, versions: Versions) -> bool:
        """Tell whether nothing in a read set is volatile; engines are asked once per version."""
        for source, version in zip(sources, versions, strict=True):
            known = self._known.setdefault(source.resource, {})
            if known.get(source.dataset) == version:
                continue
            try:
                if source.engine.volatile(source.dataset):
                    return False
            except Exception:  # noqa: BLE001 - what cannot be told is not kept
                return False
            known[source.dataset] = version
        return True


class WriteRates:
    """How often stores are written through polyroute, as far as their epochs show when they are read."""

    def __init__(self, *, window_s: float, often: int = 5) -> None:
        self._window_s = window_s
        self._often = often
        self._lock = threading.Lock()
        self._seen: WeakKeyDictionary[Epochs, deque[tuple[float, int]]] = WeakKeyDictionary()

    def written_often(self, sources: ReadSet, now: float) -> bool:
        """Note the epochs of stores, and tell whether `often` writes or more fell into the window that ends now."""
        found = False
        with self._lock:
            for source in sources:
                seen = self._seen.setdefault(source.resource, deque(maxlen=256))
                seen.append((now, source.resource.epoch))
                while seen[0][0] < now - self._window_s:
                    seen.popleft()
                # a write moves the epoch by two
                found = found or seen[-1][1] - seen[0][1] >= 2 * self._often
        return found
