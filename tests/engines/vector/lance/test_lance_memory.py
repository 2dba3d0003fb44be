"""The bounded memory: versions, the bound, one making for many threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.vector.lance.memory import Memory
from polyroute.errors import QueryTimeoutError


@dataclass
class Thing:
    name: str
    nbytes: int


def test_an_entry_is_made_once_per_version() -> None:
    memory = Memory(100)
    made: list[str] = []

    def make(name: str) -> Thing:
        made.append(name)
        return Thing(name, 10)

    for version in ("1", "1", "2", "2", "1"):
        assert memory.recall("a", version, lambda v=version: make(v), UNBOUNDED).name == version  # type: ignore[misc]
    assert made == ["1", "2", "1"]
    assert memory.nbytes == 10


def test_the_bound_holds_and_the_least_recently_used_goes_first() -> None:
    memory = Memory(25)
    for name in ("a", "b", "a", "c"):
        memory.recall(name, "1", lambda: Thing("x", 10), UNBOUNDED)
    assert memory.nbytes == 20
    memory.recall("a", "1", lambda: pytest.fail("a was let go"), UNBOUNDED)
    assert memory.recall("b", "1", lambda: Thing("new", 10), UNBOUNDED).name == "new"


def test_what_is_larger_than_the_bound_is_made_and_not_kept() -> None:
    memory = Memory(5)
    assert memory.recall("a", "1", lambda: Thing("large", 6), UNBOUNDED).name == "large"
    assert memory.nbytes == 0
    assert memory.recall("a", "1", lambda: Thing("again", 6), UNBOUNDED).name == "again"


def test_forgetting_and_clearing_give_the_bytes_back() -> None:
    memory = Memory(100)
    for name in ("a", "b"):
        memory.recall(name, "1", lambda: Thing("x", 10), UNBOUNDED)
    memory.forget("a")
    memory.forget("never")
    assert memory.nbytes == 10
    memory.clear()
    assert memory.nbytes == 0


def test_many_threads_make_one_entry_and_a_failure_is_not_kept() -> None:
    memory = Memory(100)
    made: list[int] = []

    def make() -> Thing:
        made.append(1)
        time.sleep(0.02)
        if len(made) == 1:
            raise KeyError
        return Thing("x", 10)

    def recall() -> None:
        try:
            memory.recall("a", "1", make, UNBOUNDED)
        except KeyError:
            failed.append(1)

    failed: list[int] = []
    threads = [threading.Thread(target=recall) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(failed)) == (2, 1)


def test_waiting_for_another_threads_making_ends_with_the_call() -> None:
    memory = Memory(100)
    begun, go = threading.Event(), threading.Event()

    def make() -> Thing:
        begun.set()
        go.wait(10)
        return Thing("x", 1)

    thread = threading.Thread(target=lambda: memory.recall("a", "1", make, UNBOUNDED))
    thread.start()
    begun.wait(10)
    with pytest.raises(QueryTimeoutError):
        memory.recall("a", "1", make, Call(timeout_s=0.05))
    go.set()
    thread.join()
