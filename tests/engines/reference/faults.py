"""The table of broken engines: each is a reference engine with one fault, and names the tests of the suite that must be
red on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from polyroute.engines.testing import EngineSuite
from polyroute.engines.testing.suite import names_of_tests, open_store
from polyroute.errors import PolyrouteError
from tests.engines.reference import REFERENCES
from tests.engines.reference.engine import URL, ReferenceEngine

E = TypeVar("E", bound=type[ReferenceEngine])

ALL_KINDS = tuple(REFERENCES)

_MISTAKES = (TypeError, NameError, AttributeError, ImportError, IndexError, SyntaxError)


@dataclass(frozen=True)
class Fault:
    """A broken engine and the tests that are red on it."""

    engine: type[ReferenceEngine]
    caught_by: tuple[str, ...]

    @property
    def name(self) -> str:
        """The kind and the name of the engine, which says the fault."""
        return f"{self.engine.kind}-{self.engine.__name__}"


FAULTS: list[Fault] = []


def fault(*tests: str, kinds: Sequence[str] = ("relational",)) -> Callable[[E], E]:
    """Register a broken engine; one without a kind becomes an engine of each of `kinds`."""

    def register(broken: E) -> E:
        if hasattr(broken, "kind"):
            FAULTS.append(Fault(broken, tests))
        else:
            for kind in kinds:
                FAULTS.append(Fault(type(broken.__name__, (broken, REFERENCES[kind]), {}), tests))
        return broken

    return register


def suite_of(engine: type[ReferenceEngine]) -> type[EngineSuite]:
    """Return the suite for an engine."""
    return type(f"Suite{engine.__name__}", (EngineSuite,), {"engine": engine, "url": URL})


def names_of_all_tests() -> set[str]:
    """Return the name of every test of the suite."""
    return {name for engine in REFERENCES.values() for name in names_of_tests(suite_of(engine))}


def redness(engine: type[ReferenceEngine], test: str, folder: Path) -> BaseException | None:
    """Run one test of the suite on an engine and return what it was red with.

    A mistake in the engine's own code is no fault that a test has caught: it is raised.
    """
    suite = suite_of(engine)
    store = open_store(suite, folder)
    try:
        getattr(suite(), test)(store)
    except (AssertionError, PolyrouteError, pa.ArrowException) as exc:
        _raise_mistakes(exc)
        return exc
    finally:
        _close(store.close)
    return None


def _raise_mistakes(exc: BaseException) -> None:
    link: BaseException | None = exc
    while link is not None:
        if isinstance(link, _MISTAKES):
            raise link
        link = link.__cause__ or link.__context__


def _close(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception:
        # an engine that cannot be closed is one of the faults
        return
