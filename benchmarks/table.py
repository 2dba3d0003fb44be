"""A benchmark's result: a heading, what was measured, and a table whose ratios carry the meaning."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table of RESULTS.md."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"## {self.title}", "", self.note, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(str(v) for v in row) + " |" for row in self.rows]
        return "\n".join(lines)


def interleaved(calls: dict[str, Callable[[int], object]], *, count: int, rounds: int = 5) -> dict[str, float]:
    """Return the median seconds of one call of each contender.

    The contenders take turns in rounds, so that a noisy machine is noisy for all of them; the best round counts.
    """
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            times = []
            for i in range(count):
                started = time.perf_counter_ns()
                call(i)
                times.append(time.perf_counter_ns() - started)
            best[name] = min(best[name], statistics.median(times) / 1e9)
    return best


def micros(seconds: float) -> str:
    """Return seconds as microseconds."""
    return f"{seconds * 1e6:.1f}"
