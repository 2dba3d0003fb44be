r"""Field paths: `name.first`, `favorites.0`, and `dotted\.name` where the dot is part of the name.

A path is a tuple of names. Walking it, a name is a key of an object or, when it is a whole number, a place in an
array. What cannot be found is told apart, because `$exists: false` holds only for the first: a key that an object
lacks (`MISSING`), or a name asked of something that is neither object nor such an array (`ASTRAY`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from polyroute.errors import invalid

Path = tuple[str, ...]

MAX_PATH_PARTS = 100

_PARTS = re.compile(r"\\(.)|(\.)|([^\\.]+)|(\\)", re.DOTALL)


class _Absent:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


MISSING: Final = _Absent("MISSING")
ASTRAY: Final = _Absent("ASTRAY")


def parse_path(text: str) -> Path:
    r"""Split a field name at its dots; a backslash makes the next character, a dot for instance, part of the name.

    Raises QUERY_INVALID where a part is empty, the text ends in a lone backslash or has more than 100 parts.

    >>> parse_path("name.first"), parse_path(r"dotted\.name")
    (('name', 'first'), ('dotted.name',))
    """
    parts = _split_escaped(text) if "\\" in text else text.split(".")
    if "" in parts:
        raise invalid(f"the field name {text!r} has an empty part", hint=r"write a dot that belongs to a name as \.")
    if len(parts) > MAX_PATH_PARTS:
        raise invalid(
            f"a field name of {len(parts)} parts is too deep", hint=f"at most {MAX_PATH_PARTS} parts are allowed"
        )
    return tuple(parts)


def _split_escaped(text: str) -> list[str]:
    parts = [""]
    for escaped, dot, plain, lone in _PARTS.findall(text):
        if lone:
            raise invalid(f"the field name {text!r} ends in a lone backslash", hint=r"write a backslash as \\")
        if dot:
            parts.append("")
        else:
            parts[-1] += escaped or plain
    return parts


def path_text(path: Path) -> str:
    r"""Write a path as a field name again.

    >>> path_text(("a.b", "c"))
    'a\\.b.c'
    """
    return ".".join(re.sub(r"([\\.])", r"\\\1", part) for part in path)


def array_index(name: str) -> int | None:
    """Return the place in an array that a name stands for, None where it is no whole number.

    >>> array_index("2"), array_index("two")
    (2, None)
    """
    return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else None


def compile_path(path: Path) -> Callable[[object], object]:
    """Return a function that finds what stands at the path in a value, `MISSING` or `ASTRAY` where nothing does.

    >>> compile_path(("a", "1"))({"a": [5, 6]})
    6
    """
    if not path:
        return lambda value: value
    if len(path) == 1:
        return _single_step(path[0])
    steps = [(name, array_index(name)) for name in path]

    def find(value: object) -> object:
        for name, index in steps:
            kind = type(value)
            if kind is dict:
                value = value.get(name, MISSING)  # type: ignore[attr-defined]
                if value is MISSING:
                    return MISSING
            elif kind is list and index is not None and index < len(value):  # type: ignore[arg-type]
                value = value[index]  # type: ignore[index]
            else:
                return ASTRAY
        return value

    return find


def _single_step(name: str) -> Callable[[object], object]:
    index = array_index(name)

    def find(value: object) -> object:
        kind = type(value)
        if kind is dict:
            return value.get(name, MISSING)  # type: ignore[attr-defined]
        if kind is list and index is not None and index < len(value):  # type: ignore[arg-type]
            return value[index]  # type: ignore[index]
        return ASTRAY

    return find
