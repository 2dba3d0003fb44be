"""Which placements may answer an operation: those that offer it, hold it fresh enough, and are not ruled out by the
query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from polyroute.engines import Engine
from polyroute.errors import DatabaseErrorCode, invalid, make_error, unknown_name
from polyroute.operations import Operation
from polyroute.query import Requirements, Routing
from polyroute.router.catalog import Entry, Placement


def candidates(
    entry: Entry, op: Operation, requirements: Requirements, routing: Routing, engines: Mapping[str, Engine]
) -> list[Placement]:
    """Return the placements that may answer, the primary first.

    Raises QUERY_INVALID when no engine that holds the dataset offers the operation, or the routing names an unknown
    engine; ENGINE_SELECTION_FAILED, with the reason for each, when all are ruled out.
    """
    placements = entry.placements
    if len(placements) == 1 and routing.engine is None and not routing.exclude:
        placement = placements[0]
        if placement.primary and op.name in placement.engine.operations:
            return placements
    _check_engines(routing, engines)
    if not any(op.name in p.engine.operations for p in placements):
        raise _wrong_kind(entry, op)
    reasons = {p.engine.id: _ruled_out(p, op, requirements, routing) for p in placements}
    fit = [_labelled(p, requirements) for p in placements if reasons[p.engine.id] is None]
    if not fit:
        told = "; ".join(f"{engine}: {reason}" for engine, reason in reasons.items())
        raise make_error(
            DatabaseErrorCode.ENGINE_SELECTION_FAILED,
            f"no engine may answer {op.name} on {entry.name!r} ({told})",
            hint="loosen the routing or the requirements",
        )
    return fit[:1] if type(op).writes else fit


def _check_engines(routing: Routing, engines: Mapping[str, Engine]) -> None:
    for name in (routing.engine, *routing.exclude):
        if name is not None and name not in engines:
            raise unknown_name("engine", name, engines)


def _wrong_kind(entry: Entry, op: Operation) -> Exception:
    kind = entry.dataset.kind
    offered = sorted({n for p in entry.placements for n in p.engine.operations})
    return invalid(
        f"{entry.name!r} is a {kind} dataset, which has no {op.name}",
        hint=f"it can be asked by {', '.join(offered)}, or in SQL",
    )


def _ruled_out(placement: Placement, op: Operation, requirements: Requirements, routing: Routing) -> str | None:
    engine_id = placement.engine.id
    if op.name not in placement.engine.operations:
        return f"has no {op.name}"
    if routing.engine is not None and engine_id != routing.engine:
        return "not the engine asked for"
    if engine_id in routing.exclude:
        return "excluded"
    if placement.primary:
        return None
    if type(op).writes:
        return "a replica takes no writes"
    if requirements.consistency == "strong":
        return "a replica, and strong consistency reads the primary"
    return _too_old(placement, requirements)


def readable(entry: Entry, engine_id: str, requirements: Requirements) -> Placement | None:
    """Return the placement of a dataset in one engine if it may be read now, or None; for plans that were made before.

    It says how old its state may be, where the caller takes an older one.
    """
    for placement in entry.placements:
        if placement.engine.id == engine_id:
            if placement.primary:
                return placement
            old = requirements.consistency == "strong" or _too_old(placement, requirements) is not None
            return None if old else _labelled(placement, requirements)
    return None


def _too_old(placement: Placement, requirements: Requirements) -> str | None:
    lag = placement.behind()
    if lag is None or (lag.tolerable and _young_enough(placement, requirements)):
        return None
    return lag.reason


def _young_enough(placement: Placement, requirements: Requirements) -> bool:
    if not requirements.max_staleness_s or placement.copy is None:
        return False
    age_s = placement.copy.age_s()
    return age_s is not None and age_s <= requirements.max_staleness_s


def _labelled(placement: Placement, requirements: Requirements) -> Placement:
    """Return a placement that says how old its state may be, where the caller takes an older one."""
    if placement.primary or not requirements.max_staleness_s or placement.copy is None or not placement.stale:
        return placement
    age_s = placement.copy.age_s() or 0.0
    return replace(placement, freshness=f"up to {age_s:.1f} s old: a replica in {placement.engine.id}")
