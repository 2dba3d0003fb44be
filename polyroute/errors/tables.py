"""How an engine's native exceptions are looked up: by exact code, then prefix, then words, then type.

Each engine brings one `ErrorTable`; the classifier asks it. Types are named by strings and matched along the method
resolution order, so a table never imports its engine. The order is psycopg's: what an engine says in a stable code is
trusted over its words, words over its class. Text rows exist only for engines that tell two failures apart in no
other way (DuckDB's IOException, LanceDB's RuntimeError).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from polyroute.errors.codes import DatabaseErrorCode, Outcome, RetryStrategy

__all__ = ["ErrorTable", "Match", "Verdict", "qualified_names"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say what one native failure means: its code, and what it left behind.

    `strategy` overrides the code's own where an engine knows better (a refused password is a failed connection, but
    no replay will mend it).
    """

    code: DatabaseErrorCode
    outcome: Outcome
    strategy: RetryStrategy | None = None


class Match(NamedTuple):
    """Hold a verdict and how specific the row was that gave it; the larger `(rank, nearness)` is the more specific.

    `generic` marks a row on a built-in class, such as ValueError: it speaks of its own engine only.
    """

    rank: int
    nearness: int
    generic: bool
    verdict: Verdict


_EXACT, _PREFIX, _TEXT, _TYPE = 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Map one engine's native exceptions to verdicts.

    `exact` and `prefixes` are looked up with the code that `code_of` reads off an exception; `texts` rows are
    (qualified type name, lower-case substring of the message, verdict), tried in order; `types` are keyed by
    qualified class name, the nearest in the MRO first.

    >>> table = ErrorTable(types={"builtins.KeyError": Verdict(DatabaseErrorCode.QUERY_INVALID, Outcome.NOT_EXECUTED)})
    >>> table.look_up(KeyError("x")).verdict.code.value
    'QUERY_INVALID'
    """

    exact: Mapping[str | int, Verdict] = field(default_factory=dict)
    prefixes: Mapping[str, Verdict] = field(default_factory=dict)
    texts: tuple[tuple[str, str, Verdict], ...] = ()
    types: Mapping[str, Verdict] = field(default_factory=dict)
    code_of: Callable[[BaseException], str | int | None] | None = None

    def look_up(self, exc: BaseException) -> Match | None:
        """Find the most specific row for an exception, or None where this table knows nothing of it."""
        return self._by_code(exc) or self._by_text(exc) or self._by_type(exc)

    def _by_code(self, exc: BaseException) -> Match | None:
        code = self.code_of(exc) if self.code_of is not None else None
        if code is None:
            return None
        verdict = self.exact.get(code)
        if verdict is not None:
            return Match(_EXACT, 0, False, verdict)
        if not isinstance(code, str):
            return None
        for length in range(len(code) - 1, 0, -1):
            verdict = self.prefixes.get(code[:length])
            if verdict is not None:
                return Match(_PREFIX, length, False, verdict)
        return None

    def _by_text(self, exc: BaseException) -> Match | None:
        if not self.texts:
            return None
        names = qualified_names(type(exc))
        text: str | None = None
        for type_name, part, verdict in self.texts:
            if type_name not in names:
                continue
            text = str(exc).lower() if text is None else text
            if part in text:
                return Match(_TEXT, -names.index(type_name), _is_builtin(type_name), verdict)
        return None

    def _by_type(self, exc: BaseException) -> Match | None:
        for distance, name in enumerate(qualified_names(type(exc))):
            verdict = self.types.get(name)
            if verdict is not None:
                return Match(_TYPE, -distance, _is_builtin(name), verdict)
        return None


def _is_builtin(type_name: str) -> bool:
    return type_name.startswith("builtins.")


_NAMES: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


def qualified_names(kind: type) -> tuple[str, ...]:
    """List the qualified names of a class and its bases, in the order in which Python looks them up."""
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__)
    return names
