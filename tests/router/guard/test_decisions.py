"""Twenty-one codes, read or write, four outcomes, with and without a replica: attempts, engines, breaker, outcome.

The behaviour is written out here once more, from the specification's table and not from the code: how often the engine
that fails is asked alone, how often where a replica holds the rows too, and whether the replica answers a read.
"""

from __future__ import annotations

import math

import pytest

from polyroute.engines.call import Call
from polyroute.errors import BreakerState, DatabaseErrorCode, Outcome, PolyrouteError
from polyroute.result import QueryResult
from polyroute.router.guard import Guard
from tests.router.guard.world import LEFT_NOTHING, READ, WRITE, Time, World, guard_of, outcome_of

Code = DatabaseErrorCode

#                                alone  with a replica  the replica answers  counts against the engine
BEHAVIOUR: dict[DatabaseErrorCode, tuple[int, int, bool, bool]] = {
    Code.COORDINATION_FAILED: (1, 1, False, False),
    Code.ENGINE_SELECTION_FAILED: (1, 1, False, False),
    Code.ROUTING_FAILED: (1, 1, True, False),
    Code.ENGINE_UNAVAILABLE: (4, 1, True, True),
    Code.ENGINE_OVERLOADED: (4, 4, True, True),
    Code.ENGINE_TIMEOUT: (4, 4, True, True),
    Code.ENGINE_CONNECTION_FAILED: (4, 1, True, True),
    Code.QUERY_INVALID: (1, 1, False, False),
    Code.QUERY_TIMEOUT: (4, 4, True, True),
    Code.QUERY_OPTIMIZATION_FAILED: (4, 4, True, False),
    Code.QUERY_EXECUTION_FAILED: (1, 1, False, False),
    Code.TRANSACTION_FAILED: (4, 4, True, False),
    Code.TRANSACTION_TIMEOUT: (4, 4, True, True),
    Code.DEADLOCK_DETECTED: (4, 4, True, False),
    Code.CONSISTENCY_VIOLATION: (1, 1, False, False),
    Code.PERFORMANCE_DEGRADED: (1, 1, False, False),
    Code.CACHE_MISS_RATE_HIGH: (1, 1, False, False),
    Code.LATENCY_THRESHOLD_EXCEEDED: (1, 1, False, False),
    Code.RESOURCE_EXHAUSTED: (4, 4, True, True),
    Code.CAPACITY_EXCEEDED: (1, 1, False, True),
    Code.MEMORY_LIMIT_EXCEEDED: (1, 1, True, True),
}
NO_SECOND_WRITE = {Code.QUERY_TIMEOUT}


def test_the_table_has_every_code() -> None:
    assert set(BEHAVIOUR) == set(Code)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "always"])
@pytest.mark.parametrize("replica", [False, True], ids=["alone", "replica"])
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("code", list(Code))
def test_reads(world: World, code: DatabaseErrorCode, outcome: Outcome, replica: bool, lasting: bool) -> None:
    alone, beside, moves, against = BEHAVIOUR[code]
    most = beside if replica else alone
    failing = most if lasting else 1
    guard = guard_of(Time())
    world.primary.tell(code, outcome, math.inf if lasting else 1)
    found = outcome_of(
        lambda: guard.run(world.placements(READ, replica=replica), world.bound(READ), Call(), write=False)
    )
    if isinstance(found, PolyrouteError):
        assert (found.code, found.outcome, found.engine) == (code, outcome, "primary")
        answered_by = None
    else:
        assert QueryResult(found.answer).fetchall() == [(1, "n1")]
        answered_by = found.placement.engine.id
        assert found.attempts == failing + 1
    if not lasting and most > 1:
        expected, on_primary = "primary", 2
    else:
        expected, on_primary = ("replica" if replica and moves else None), most
    assert answered_by == expected
    assert (world.primary.calls, world.replica.calls) == (on_primary, int(expected == "replica"))
    _check_breaker(guard, world, "scan", failing if against else 0)
    assert guard.monitor.error_statistics() == {"primary": {code: failing}}


@pytest.mark.parametrize("key", [False, True], ids=["plain", "key"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "always"])
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("code", list(Code))
def test_writes(world: World, code: DatabaseErrorCode, outcome: Outcome, lasting: bool, key: bool) -> None:
    alone, _, _, against = BEHAVIOUR[code]
    safe = key or outcome in LEFT_NOTHING
    most = alone if safe and code not in NO_SECOND_WRITE else 1
    guard = guard_of(Time())
    world.primary.tell(code, outcome, math.inf if lasting else 1)
    name = f"{code} {outcome} {lasting}"
    call = Call(idempotency_key=name if key else None)
    found = outcome_of(lambda: guard.run(world.placements(WRITE), world.bound(WRITE), call, write=True, idempotent=key))
    answered = not isinstance(found, PolyrouteError)
    if isinstance(found, PolyrouteError):
        assert (found.code, found.outcome, found.engine) == (code, outcome, "primary")
    else:
        assert QueryResult(found.answer).rows_affected == 1
    assert answered == (not lasting and most > 1)
    assert world.primary.calls == (most if lasting or most == 1 else 2)
    assert world.replica.calls == 0, "a replica takes no writes"
    done = answered or outcome not in LEFT_NOTHING
    assert world.names(world.primary).count("new") == int(done), "lost, or done twice"
    assert world.names(world.replica).count("new") == 0
    _check_breaker(guard, world, "relational_execute", (most if lasting else 1) if against else 0)


def _check_breaker(guard: Guard, world: World, operation: str, failures: int) -> None:
    seen = guard.ward(world.primary, operation).breaker.snapshot()
    assert (seen.state, seen.failures) == (BreakerState.CLOSED, failures)
    assert guard.in_flight["primary"] == 0
