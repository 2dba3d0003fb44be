"""What is kept in memory of tables that are asked again and again, under one bound of bytes.

An entry belongs to one version of its table and is replaced when the table has changed. The one used least recently
goes first. Two threads that miss the same entry make it once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from polyroute.engines.call import Call

_WAIT_S = 0.05


class Sized(Protocol):
    """A value that knows the bytes it holds."""

    @property
    def nbytes(self) -> int:
        """The bytes held."""


SizedT = TypeVar("SizedT", bound=Sized)


class _Entry(NamedTuple):
    version: str
    value: Any
    nbytes: int


class Memory:
    """A cache of at most `limit` bytes, by name and version."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    @property
    def nbytes(self) -> int:
        """The bytes held now."""
        return self._bytes

    def recall(self, name: str, version: str, make: Callable[[], SizedT], call: Call) -> SizedT:
        """Return the entry of a version, made by `make` if it is not there; one larger than the bound is made and not
        kept.
        """
        held: SizedT | None = self._find(name, version)
        if held is not None:
            return held
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        while not making.acquire(timeout=_WAIT_S):
            call.check()
        try:
            held = self._find(name, version)
            if held is None:
                held = make()
                self._keep(name, _Entry(version, held, held.nbytes))
            return held
        finally:
            making.release()

    def forget(self, name: str) -> None:
        """Drop an entry, whatever its version."""
        with self._lock:
            self._drop(name)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _find(self, name: str, version: str) -> Any:
        with self._lock:
            entry = self._held.get(name)
            if entry is None or entry.version != version:
                return None
            self._held.move_to_end(name)
            return entry.value

    def _keep(self, name: str, entry: _Entry) -> None:
        with self._lock:
            self._drop(name)
            if entry.nbytes > self.limit:
                return
            while self._bytes + entry.nbytes > self.limit:
                self._drop(next(iter(self._held)))
            self._held[name] = entry
            self._bytes += entry.nbytes

    def _drop(self, name: str) -> None:
        entry = self._held.pop(name, None)
        if entry is not None:
            self._bytes -= entry.nbytes
