"""Fetch a dataset once where a statement reads it several times.

Two occurrences that ask for the same rows are one fetch. Occurrences that ask for different rows are one fetch too when
together they would move as much as the dataset holds: then it is read under any of their conditions, without keys. The
residual applies every condition again, so a fetch may always hold more than an occurrence asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from polyroute.router.federation.fragments import ScanFragment
from polyroute.router.federation.implied import Edge
from polyroute.router.federation.scopes import BaseColumn

_AS_MUCH = 0.8


@dataclass(frozen=True, slots=True)
class Sharing:
    """The fetches, the fetch of each input by name, and the edges between fetches."""

    scans: tuple[ScanFragment, ...]
    names: Mapping[str, str]
    edges: tuple[Edge, ...]


def share_fetches(scans: Mapping[str, ScanFragment], edges: Sequence[Edge], rows_of: Callable[[str], int]) -> Sharing:
    """Return which inputs are fetched together; `rows_of` gives the rows of an input's dataset."""
    groups: dict[tuple[str, str | None], dict[object, list[ScanFragment]]] = {}
    for name, scan in scans.items():
        keys = frozenset((e.source, e.target.name) for e in edges if e.target.input == name)
        same = groups.setdefault((scan.dataset, scan.part), {})
        same.setdefault((frozenset(scan.conditions), keys, scan.order, scan.limit), []).append(scan)
    fetches: list[ScanFragment] = []
    names: dict[str, str] = {}
    unkeyed: set[str] = set()
    for alike in groups.values():
        members = [united(scans_alike) for scans_alike in alike.values()]
        total = rows_of(members[0].name)
        expected = sum(total if m.estimated_rows is None else m.estimated_rows for m in members)
        if len(members) > 1 and expected >= _AS_MUCH * total:
            whole = replace(
                united(members),
                conditions=_any_of(members),
                order=None,
                limit=None,
                estimated_rows=min(total, expected),
            )
            fetches.append(whole)
            unkeyed.update(s.name for scans_alike in alike.values() for s in scans_alike)
            names.update((s.name, whole.name) for scans_alike in alike.values() for s in scans_alike)
        else:
            fetches.extend(members)
            names.update((s.name, m.name) for m, same in zip(members, alike.values(), strict=True) for s in same)
    kept = (e for e in edges if e.target.input not in unkeyed)
    renamed = (Edge(_fetched(e.source, names), _fetched(e.target, names)) for e in kept)
    return Sharing(tuple(fetches), names, tuple(dict.fromkeys(e for e in renamed if e.source.input != e.target.input)))


def united(scans: Sequence[ScanFragment]) -> ScanFragment:
    """Return the first of some scans of one dataset with the columns that any of them wants."""
    first = scans[0]
    columns: dict[str, None] | None = {}
    for scan in scans:
        columns = None if columns is None or scan.columns is None else {**columns, **dict.fromkeys(scan.columns)}
    return replace(first, columns=None if columns is None else tuple(columns))


def _any_of(scans: Sequence[ScanFragment]) -> tuple[str, ...]:
    """Return the condition that a row passes when it passes all of some scan's; none where a scan takes every row."""
    if any(not scan.conditions or scan.limit is not None for scan in scans):
        return ()
    return (" OR ".join(f"({' AND '.join(f'({c})' for c in scan.conditions)})" for scan in scans),)


def _fetched(column: BaseColumn, names: Mapping[str, str]) -> BaseColumn:
    return replace(column, input=names.get(column.input, column.input))
