"""Where the selector parser stands, and the values it meets there: checked, copied, never told in a message."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from polyroute.errors import QueryError, invalid
from polyroute.sql.selectors.paths import Path, path_text
from polyroute.sql.selectors.tree import Json

MAX_DEPTH = 100
_MOST_BITS = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parser stands: the path so far, how deep, and whether the path starts at a document or at an
    element of an array.
    """

    path: Path = ()
    depth: int = 0
    inside: bool = False

    def deeper(self) -> Place:
        """Return the place one level down; QUERY_INVALID below the hundredth."""
        if self.depth >= MAX_DEPTH:
            raise invalid(f"the selector is nested more than {MAX_DEPTH} deep", hint="split it into several queries")
        return replace(self, depth=self.depth + 1)

    def __str__(self) -> str:
        return f"at the field {path_text(self.path)!r}" if self.path else "at the top of the selector"


def wrong_argument(operator: str, place: Place, wanted: str) -> QueryError:
    """Make the error for an argument that an operator does not take."""
    return invalid(f"{operator} {place} takes {wanted}", hint="see the operators of CouchDB's Mango selectors")


def json_value(value: object, place: Place) -> Json:
    """Copy a JSON value, so that what the caller does with his own later changes nothing here."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS:
            raise invalid(f"a value {place} is a whole number of more than {_MOST_BITS} bits")
        return value
    if isinstance(value, str):
        return checked_text(value, place)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise invalid(f"a value {place} is not a finite number, which JSON cannot hold")
        return value
    below = place.deeper()
    if isinstance(value, list | tuple):
        return [json_value(item, below) for item in value]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {checked_text(name, below): json_value(item, below) for name, item in value.items()}
    raise invalid(
        f"a value {place} is {kind_of(value)}, which JSON cannot hold",
        hint="write dates as the strings or numbers that the documents hold",
    )


def checked_text(text: str, place: Place) -> str:
    """Return a text; QUERY_INVALID for half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise invalid(f"a string {place} holds half of a surrogate pair, which is not text") from exc
    return text


def is_integer(value: object) -> bool:
    """Tell whether a value is a whole number, which a truth value is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def kind_of(value: object) -> str:
    """Return how a message calls a value, which it never tells."""
    return f"a {type(value).__name__}"
