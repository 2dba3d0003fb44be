"""The part of each found document that the answer shows: `fields`, as in `["name.first", "age"]`.

A field that a document lacks is left out of it; a nested one keeps the objects around it, and an element of an
array stands under its number. Without fields, or with none named, the whole document is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from polyroute.errors import invalid
from polyroute.sql.selectors.paths import ASTRAY, MISSING, Path, compile_path, parse_path

Projection = tuple[Path, ...]


def parse_fields(fields: Sequence[str] | None) -> Projection:
    """Read the names of the fields to show; QUERY_INVALID where one is no field name.

    >>> parse_fields(["name.first", "name.first.initial"])
    (('name', 'first'),)
    """
    if fields is None:
        return ()
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise invalid("fields is an array of field names", hint='write for instance ["name.first", "age"]')
    paths: list[Path] = []
    for field in fields:
        if not isinstance(field, str):
            raise invalid("an entry of fields is not a field name", hint='write for instance ["name.first", "age"]')
        paths.append(parse_path(field))
    # What stands below a field that is shown is shown with it.
    return tuple(dict.fromkeys(path for path in paths if not any(path[:end] in paths for end in range(1, len(path)))))


def compile_fields(projection: Projection) -> Callable[[dict[str, object]], dict[str, object]]:
    """Return the function that cuts a document down to the projection, leaving the document itself as it is.

    >>> compile_fields(parse_fields(["a.b", "x"]))({"a": {"b": 1, "c": 2}, "d": 3})
    {'a': {'b': 1}}
    """
    if not projection:
        return lambda document: document
    finders = [(path, compile_path(path)) for path in projection]

    def project(document: dict[str, object]) -> dict[str, object]:
        shown: dict[str, object] = {}
        for path, find in finders:
            value = find(document)
            if value is not MISSING and value is not ASTRAY:
                _put(shown, path, value)
        return shown

    return project


def _put(target: dict[str, object], path: Path, value: object) -> None:
    for name in path[:-1]:
        target = target.setdefault(name, {})  # type: ignore[assignment]
    target[path[-1]] = value
