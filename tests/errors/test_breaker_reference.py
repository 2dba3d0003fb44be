"""The circuit breaker against a plain reference, over any order of calls and any passing of time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from polyroute.errors import BreakerConfig, BreakerState, CircuitBreaker

from .clock import Clock


@dataclass
class Call:
    """A call as the reference sees it: it knows outright in which state it was let in."""

    began: float
    episode: int
    round: int


@dataclass
class Reference:
    """A breaker written for reading: it keeps every call, and every call carries where it belongs."""

    config: BreakerConfig
    state: BreakerState = BreakerState.CLOSED
    calls: list[tuple[bool, bool]] = field(default_factory=list)
    probes: list[Call] = field(default_factory=list)
    good: int = 0
    opened_at: float = 0.0
    episode: int = 0
    round: int = 0

    def allow(self, now: float) -> Call | None:
        if self.state is BreakerState.CLOSED:
            return Call(now, self.episode, 0)
        if self.state is BreakerState.OPEN:
            if now < self.opened_at + self.config.open_s:
                return None
            self.state, self.good = BreakerState.HALF_OPEN, 0
        present = sum(probe.round == self.round for probe in self.probes)
        if len(self.probes) >= self.config.probes or present + self.good >= self.config.probes:
            return None
        call = Call(now, self.episode, self.round)
        self.probes.append(call)
        return call

    def record(self, call: Call, ok: bool, now: float) -> None:
        slow = now - call.began >= self.config.slow_after_s
        if self.state is BreakerState.CLOSED:
            self.calls.append((ok, slow))
            if (not ok or slow) and self.too_bad():
                self.episode += 1
                self.open(now)
        elif self.give_back(call) and self.state is BreakerState.HALF_OPEN:
            if not ok or slow:
                self.open(now)
            else:
                self.good += 1
                if self.good >= self.config.probes:
                    self.state, self.calls, self.probes, self.round = BreakerState.CLOSED, [], [], 0

    def give_back(self, call: Call) -> bool:
        held = any(probe is call for probe in self.probes)
        self.probes = [probe for probe in self.probes if probe is not call]
        return held and call.round == self.round

    def too_bad(self) -> bool:
        seen = self.calls[-self.config.window :]
        failures, slow = sum(not ok for ok, _ in seen), sum(slow for _, slow in seen)
        enough = len(seen) >= self.config.minimum_calls
        return enough and (
            (failures > 0 and failures >= self.config.failure_rate * len(seen))
            or (slow > 0 and slow >= self.config.slow_rate * len(seen))
        )

    def open(self, now: float) -> None:
        self.state, self.opened_at, self.good = BreakerState.OPEN, now, 0
        self.round += 1


class BreakerAgainstReference(RuleBasedStateMachine):
    """Let calls begin, end and be abandoned in any order, over any time: both must agree at every step."""

    def __init__(self) -> None:
        super().__init__()
        config = BreakerConfig(
            window=6, minimum_calls=3, failure_rate=0.5, slow_after_s=3.0, slow_rate=0.75, open_s=4.0, probes=2
        )
        self.clock = Clock()
        self.breaker = CircuitBreaker(config, clock=self.clock)
        self.reference = Reference(config)
        self.running: list[Call] = []

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def begin(self) -> None:
        call = self.reference.allow(self.clock.now)
        assert self.breaker.allow() == (call is not None)
        if call is not None:
            self.running.append(call)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), ok=st.booleans())
    def end(self, data: st.DataObject, ok: bool) -> None:
        call = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.breaker.record(ok, self.clock.now - call.began)
        self.reference.record(call, ok, self.clock.now)

    @rule(ok=st.booleans())
    def begin_and_end(self, ok: bool) -> None:
        call = self.reference.allow(self.clock.now)
        assert self.breaker.allow() == (call is not None)
        if call is not None:
            self.breaker.record(ok, 0.0)
            self.reference.record(call, ok, self.clock.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        call = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.breaker.release(self.clock.now - call.began)
        if self.reference.state is not BreakerState.CLOSED:
            self.reference.give_back(call)

    @invariant()
    def both_agree(self) -> None:
        seen, reference = self.breaker.snapshot(), self.reference
        interval_over = self.clock.now >= reference.opened_at + reference.config.open_s
        waiting = reference.state is BreakerState.OPEN and interval_over
        assert seen.state is (BreakerState.HALF_OPEN if waiting else reference.state)
        assert seen.probes_running == len(reference.probes) <= reference.config.probes
        assert (seen.retry_after_s > 0) == (seen.state is BreakerState.OPEN)
        if seen.state is BreakerState.CLOSED:
            window = reference.calls[-reference.config.window :]
            assert (seen.calls, seen.failures) == (len(window), sum(not ok for ok, _ in window))


TestBreakerAgainstReference = BreakerAgainstReference.TestCase
TestBreakerAgainstReference.settings = settings(max_examples=80, stateful_step_count=50)
