"""Where reference engines keep their data: one place per path, which stays when its engines close, as a file would.

A place holds one immutable state. A change is made on a draft and becomes visible whole when its block ends, or not at
all.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polyroute.engines.contract import Dataset
from polyroute.result import Rows

_VERSIONS = itertools.count(1)
_PLACES: dict[str, Place] = {}


@dataclass(frozen=True)
class Held:
    """A dataset with its content (a table, a graph or documents) and the version of both."""

    dataset: Dataset
    content: Any
    version: int = 0


@dataclass(frozen=True)
class State:
    """All datasets, and the answers of the writes that bore an idempotency key."""

    held: Mapping[str, Held] = field(default_factory=dict)
    done: Mapping[str, Rows] = field(default_factory=dict)


@dataclass
class Draft:
    """A state in the making."""

    held: dict[str, Held]
    done: dict[str, Rows]


class Place:
    """One store in memory."""

    def __init__(self) -> None:
        self.state = State()
        self._lock = threading.RLock()

    @contextmanager
    def changing(self) -> Iterator[Draft]:
        """Give a draft of the state, alone; it takes the state's place when the block ends without an error."""
        with self._lock:
            before = self.state
            draft = Draft(dict(before.held), dict(before.done))
            yield draft
            for name, held in draft.held.items():
                if held is not before.held.get(name):
                    draft.held[name] = replace(held, version=next(_VERSIONS))
            self.state = State(draft.held, draft.done)


def place_of(path: Path) -> Place:
    """Return the place of a path."""
    return _PLACES.setdefault(str(path), Place())


def is_held(path: Path) -> bool:
    """Tell whether somebody has opened a path before."""
    return str(path.resolve()) in _PLACES
