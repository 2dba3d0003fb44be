"""What is thrown out: the answer that saves least time for its size."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.optimizer.cache import GreedyDual, Weighed


def test_an_answer_that_was_dear_stays_and_a_large_cheap_one_goes() -> None:
    held: GreedyDual[Weighed] = GreedyDual(max_entries=10, max_bytes=100)
    dear, large, small = Weighed(40, 2.0), Weighed(50, 0.001), Weighed(20, 0.5)
    assert held.add(dear)
    assert held.add(large)
    assert held.add(small)
    assert (dear.held, large.held, small.held) == (True, False, True)


def test_use_counts_and_what_nobody_asks_for_grows_old() -> None:
    held: GreedyDual[Weighed] = GreedyDual(max_entries=2, max_bytes=1_000)
    used, idle = Weighed(1, 1.0), Weighed(1, 1.5)
    held.add(used)
    held.add(idle)
    held.touch(used)
    newer = Weighed(1, 1.8)
    held.add(newer)
    assert (used.held, idle.held, newer.held) == (True, False, True)
    # the floor has risen, so that later ones of less worth pass what is not asked for any more
    for _ in range(3):
        held.add(Weighed(1, 1.9))
    assert not used.held


@settings(derandomize=True, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0, 10), st.integers(0, 5), st.booleans()), max_size=60),
    st.integers(1, 8),
)
def test_never_more_than_allowed(steps: list[tuple[int, float, int, bool]], max_entries: int) -> None:
    dropped: list[Weighed] = []
    held = GreedyDual(max_entries=max_entries, max_bytes=100, dropped=dropped.append)
    known: list[Weighed] = []
    for size, cost, which, removes in steps:
        if removes and known:
            held.remove(known[which % len(known)])
        elif known and which:
            held.touch(known[which % len(known)])
        else:
            known.append(Weighed(size, cost))
            held.add(known[-1])
        alive = [entry for entry in known if entry.held]
        assert held.entries == len(alive) <= max_entries
        assert held.size_bytes == sum(entry.size_bytes for entry in alive) <= 100
    assert not any(entry.held for entry in dropped)
    assert held.evictions == len(dropped)
