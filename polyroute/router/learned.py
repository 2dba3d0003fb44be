"""Run a read the way routing chose it: cut a try at its limit, ask two engines side by side when it is urgent, and note
what every engine that ran took.

The guard runs each call; here stands only what learning adds. A try that is cut is cancelled through a call of its own,
so the engine's health and the caller's time limit are not touched, and the next placement answers.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from polyroute.engines import Call
from polyroute.engines.binding import Bound
from polyroute.engines.contract import SchemaChanged
from polyroute.errors import PolyrouteError
from polyroute.router.catalog import Placement
from polyroute.router.guard import Guard
from polyroute.router.guard.attempts import Guarded
from polyroute.router.strategies import Choice

Run = tuple[str, float, bool]


class Routed(NamedTuple):
    """What came of it: the guarded answer, what each engine took (seconds, and whether it was stopped), and why the one
    that answered did.
    """

    guarded: Guarded
    runs: tuple[Run, ...]
    reason: str


def run_chosen(guard: Guard, choice: Choice, op: Bound, call: Call, *, urgent: bool) -> Routed:
    """Run a read on the placements of a choice; raises what the guard raises."""
    if urgent and choice.race:
        return _race(guard, choice, op, call)
    if urgent and choice.limit_s is None:
        return _hedged(choice, guard.run_hedged(choice.placements, op, call))
    if choice.limit_s is None:
        guarded = guard.run(choice.placements, op, call, write=False)
        return _answered(choice, guarded, ())
    return _try(guard, choice, choice.limit_s, op, call)


def _answered(choice: Choice, guarded: Guarded, before: tuple[Run, ...]) -> Routed:
    chosen, engine_id = choice.placements[0].engine.id, guarded.placement.engine.id
    reason = choice.reason if chosen == engine_id else f"{chosen} failed"
    return Routed(guarded, (*before, (engine_id, guarded.seconds, False)), reason)


def _hedged(choice: Choice, guarded: Guarded) -> Routed:
    """Note that the first placement was late, where the second answered beside it: it took at least as long."""
    chosen, engine_id = choice.placements[0].engine.id, guarded.placement.engine.id
    if not guarded.hedged or chosen == engine_id:
        return _answered(choice, guarded, ())
    runs = ((engine_id, guarded.seconds, False), (chosen, guarded.seconds, True))
    return Routed(guarded, runs, f"{chosen} was late, and {engine_id} answered beside it")


def _try(guard: Guard, choice: Choice, limit_s: float, op: Bound, call: Call) -> Routed:
    """Try the first placement until its limit; where it was cut the others answer."""
    first, rest = choice.placements[0], choice.placements[1:]
    left_s = call.time_left_s()
    if left_s is not None and left_s < 2.0 * limit_s:
        # there is no time for a look: those that are known answer
        guarded = guard.run([*rest, first], op, call, write=False)
        return Routed(guarded, ((guarded.placement.engine.id, guarded.seconds, False),), "no time left for a look")
    # an engine that cannot be stopped needs a deadline of its own to be left behind
    own = Call(timeout_s=left_s if first.engine.traits.cancellable else limit_s)
    limit = Call(timeout_s=limit_s)
    started = time.perf_counter()
    try:
        with call.on_cancel(own.cancel), limit.on_cancel(own.cancel):
            guarded = guard.run([first], op, own, write=False)
    except SchemaChanged:
        raise
    except PolyrouteError:
        took_s = time.perf_counter() - started
        call.check()
        guarded = guard.run([*rest, first], op, call, write=False)
        guarded = guarded._replace(attempts=guarded.attempts + 1)
        engine_id = guarded.placement.engine.id
        if not limit.expired:
            return Routed(guarded, ((engine_id, guarded.seconds, False),), f"{first.engine.id} failed")
        runs = ((first.engine.id, max(took_s, limit_s), True), (engine_id, guarded.seconds, False))
        return Routed(guarded, runs, f"{first.engine.id} was tried and cut off after {limit_s * 1e3:.2f} ms")
    return _answered(choice, guarded, ())


def _race(guard: Guard, choice: Choice, op: Bound, call: Call) -> Routed:
    guarded = guard.run_hedged(choice.placements, op, call, delay_s=0.0, within_budget=False)
    winner = guarded.placement.engine.id
    raced: list[Placement] = choice.placements[:2]
    names = [p.engine.id for p in raced]
    runs: tuple[Run, ...] = ((winner, guarded.seconds, False),)
    if guarded.attempts == len(raced) and winner in names:
        runs = (*runs, (names[1 - names.index(winner)], guarded.seconds, True))
    return Routed(guarded, runs, f"the first of {' and '.join(names)}, asked side by side")
