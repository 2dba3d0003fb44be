"""Do with texts in Python what DuckDB does with them: LIKE, and the case of letters.

Both count characters by code point. DuckDB maps the case of each character on its own, by Unicode's simple mapping:
'ß' becomes 'ẞ', a final sigma is not special. Python agrees letter by letter for the old alphabets; for the rest,
whose tables grow with every version of Unicode, DuckDB is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from polyroute.sql.filters.casts import ask
from polyroute.sql.filters.filter import Unsupported

_SETTLED = "\u0530"  # Latin, Greek and Cyrillic lie below; tests compare every character with DuckDB


def lower(text: str) -> str:
    """Write in small letters.

    >>> lower("ÉTÉ İ")
    'été i'
    """
    if text.isascii():
        return text.lower()
    if any(char >= _SETTLED for char in text):
        return _asked("lower", text)
    return "".join("i" if char == "İ" else char.lower() for char in text)


def upper(text: str) -> str:
    """Write in capital letters.

    >>> upper("weiß")
    'WEIẞ'
    """
    if text.isascii():
        return text.upper()
    if any(char >= _SETTLED or len(char.upper()) > 1 for char in text):
        return _asked("upper", text)
    return "".join(char.upper() for char in text)


@lru_cache(maxsize=4096)
def _asked(function: str, text: str) -> str:
    return str(ask(f"SELECT {function}($1)", text))


def like(pattern: str, escape: str = "") -> Callable[[str], bool]:
    """Make the test of a LIKE pattern: `%` is any text, `_` any one character.

    The pieces between the `%` are looked for one after the other, each at its first place: time grows with the text,
    not with the ways to cut it.

    Raises:
        Unsupported: for an escape that DuckDB would refuse while it runs.

    >>> like("a%_c")("abbc"), like("a%_c")("ac")
    (True, False)
    """
    pieces = _pieces(pattern, escape)
    if len(pieces) == 1:
        whole = _piece(pieces[0])
        return lambda text: whole.fullmatch(text) is not None
    first, *middle, last = [_piece(piece) for piece in pieces]
    tail = len(pieces[-1])

    def matches(text: str) -> bool:
        found = first.match(text)
        for piece in middle:
            if found is None:
                return False
            found = piece.search(text, found.end())
        start = len(text) - tail
        return found is not None and found.end() <= start and last.match(text, start) is not None

    return matches


def _pieces(pattern: str, escape: str) -> list[list[str | None]]:
    """Cut a pattern at its `%`; a piece is a list of characters, None for any one."""
    if len(escape) > 1:
        raise Unsupported("an escape of several characters")
    pieces: list[list[str | None]] = [[]]
    characters = iter(pattern)
    for char in characters:
        if escape and char == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise Unsupported("a pattern that ends with its escape")
            pieces[-1].append(escaped)
        elif char == "%":
            pieces.append([])
        else:
            pieces[-1].append(None if char == "_" else char)
    return pieces


def _piece(piece: list[str | None]) -> re.Pattern[str]:
    return re.compile("".join("." if char is None else re.escape(char) for char in piece), re.DOTALL)
