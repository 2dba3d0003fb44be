r"""Regular expressions of selectors, compiled with care: a pattern is a small program that a stranger sends.

The dialect is Python's `re`, near to the PCRE that CouchDB uses. A match runs in one step that nobody can
interrupt, so a pattern is limited in length, and one that repeats a repetition without bound, as in `(a+)+`, is
refused: it may take time exponential in the length of a string (https://en.wikipedia.org/wiki/ReDoS).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from polyroute.errors import invalid

MAX_PATTERN_CHARS = 1000

_parser: Any = importlib.import_module("re._parser")
_BACKTRACKING = ("MAX_REPEAT", "MIN_REPEAT")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile the pattern of `$regex`; QUERY_INVALID where it is too long, malformed or repeats a repetition.

    >>> bool(compile_pattern("(?i)new.*").search("New York"))
    True
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise invalid(
            f"a $regex of {len(pattern)} characters is too long",
            hint=f"at most {MAX_PATTERN_CHARS} characters are allowed",
        )
    if "[[:" in pattern:
        raise invalid(
            "$regex does not know classes such as [[:alpha:]]", hint=r"write a range, [a-zA-Z], or \w, \d, \s"
        )
    try:
        if _repeats_repetition(_parser.parse(pattern), inside=False):
            raise invalid(
                "$regex repeats a repetition without bound, which can run for ever",
                hint="unnest it, as a+ for (a+)+, or make the inner one possessive, as in (a++)+",
            )
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning) as exc:
        raise invalid(
            "$regex is not a regular expression that can be compiled",
            hint="the dialect is that of Python's re module; flags stand in front, as in (?i)",
        ) from exc


def _repeats_repetition(tokens: Any, *, inside: bool) -> bool:
    for operation, argument in tokens:
        unbounded = str(operation) in _BACKTRACKING and argument[1] is _parser.MAXREPEAT
        if unbounded and inside:
            return True
        if any(_repeats_repetition(part, inside=inside or unbounded) for part in _subpatterns(argument)):
            return True
    return False


def _subpatterns(argument: Any) -> Iterator[Any]:
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _subpatterns(part)
