"""What an operation is: a frozen value with a name, a kind, and whether it writes; and the registry of them.

An operation is a frozen value. Methods of the coordinator, `Query` validation, SQL table functions and an engine's own
declaration are read off the classes here; an engine offers an operation by defining a method of its name. `where` is a
filter text when a person writes it and a parsed `polyroute.sql.filters.Filter` by the time an engine sees it; rows and
documents likewise arrive as an Arrow table.

A plugin may add an operation of its own: decorate a frozen dataclass with `@operation("kind")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from polyroute.errors import invalid, unknown_name

KINDS = ("relational", "vector", "graph", "document", "timeseries")

_REGISTRY: dict[str, type[Operation]] = {}


@dataclass(frozen=True, slots=True)
class Operation:
    """The base of all operations; `dataset` is None where a SQL text names the datasets itself."""

    name: ClassVar[str]
    kind: ClassVar[str]
    writes: ClassVar[bool] = False
    dataset: str | None


OperationT = TypeVar("OperationT", bound=Operation)


def operation(kind: str, *, writes: bool = False) -> Callable[[type[OperationT]], type[OperationT]]:
    """Register a frozen dataclass as an operation of a kind; its name is the class name in snake case."""

    def register(cls: type[OperationT]) -> type[OperationT]:
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.kind = kind
        cls.writes = writes
        if cls.name in _REGISTRY:
            raise ValueError(f"an operation named {cls.name!r} is registered already")
        _REGISTRY[cls.name] = cls
        return cls

    return register


def operations() -> Mapping[str, type[Operation]]:
    """Return every registered operation by name.

    >>> sorted(n for n, op in operations().items() if op.kind == "vector" and not op.writes)
    ['vector_cluster', 'vector_get', 'vector_search']
    """
    return _REGISTRY


def operation_class(name: str) -> type[Operation]:
    """Return the class of an operation; raise QUERY_INVALID, naming the nearest, when there is none."""
    found = _REGISTRY.get(name)
    if found is None:
        raise unknown_name("operation", name, _REGISTRY)
    return found


def argument_names(cls: type[Operation]) -> tuple[str, ...]:
    """Return the names of an operation's arguments, `dataset` left out."""
    return tuple(f.name for f in fields(cls) if f.name != "dataset")


def make_operation(name: str, dataset: str | None, arguments: Mapping[str, object]) -> Operation:
    """Build an operation from its name and arguments; an unknown or missing argument is QUERY_INVALID."""
    cls = operation_class(name)
    try:
        return cls(dataset, **arguments)
    except TypeError as exc:
        names = argument_names(cls)
        for given in arguments:
            if given not in names:
                raise unknown_name(f"argument of {name}", given, names) from exc
        raise invalid(f"{name} lacks an argument", hint=f"its arguments are: dataset, {', '.join(names)}") from exc
