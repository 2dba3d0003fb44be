"""Engines that estimate from rows they have not, or from others every time."""

from __future__ import annotations

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Statistics
from polyroute.errors import invalid
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.graph import ReferenceGraph


@fault("test_the_parts_of_a_graph_are_counted_and_drawn")
class CountsEdgesForNodes(ReferenceGraph):
    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        return super().statistics(dataset)


@fault("test_the_parts_of_a_graph_are_counted_and_drawn")
class DrawsEdgesForNodes(ReferenceGraph):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        return super().sample(dataset, None, rows, call)


_SAMPLE = "test_a_sample_is_true_rows_and_always_the_same"


@fault(_SAMPLE, kinds=ALL_KINDS)
class DrawsOtherRowsEveryTime(ReferenceEngine):
    _drawn = 0

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        self._drawn += 1
        whole = super().sample(dataset, part, 100, call)
        return whole.slice(self._drawn % max(1, whole.num_rows), rows)


@fault(_SAMPLE, kinds=ALL_KINDS)
class DrawsMoreThanIsWanted(ReferenceEngine):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        return super().sample(dataset, part, rows + 1, call)


@fault(_SAMPLE, kinds=ALL_KINDS)
class DrawsARowTwice(ReferenceEngine):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        drawn = super().sample(dataset, part, rows, call)
        return pa.concat_tables([drawn.slice(0, 1), drawn.slice(0, 1), drawn]).slice(0, rows)


@fault(_SAMPLE)
class DrawsStoredValues(ReferenceEngine):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        drawn = super().sample(dataset, part, rows, call)
        return drawn.set_column(drawn.schema.get_field_index("at"), "at", drawn["at"].cast(pa.int64()))


@fault(_SAMPLE)
class DrawsFromARememberedState(ReferenceEngine):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        kept: dict[int, pa.Table] = self.__dict__.setdefault("kept", {})
        if rows not in kept:
            kept[rows] = super().sample(dataset, part, rows, call)
        return kept[rows]


@fault(_SAMPLE, kinds=ALL_KINDS)
class FailsToDrawFromNothing(ReferenceEngine):
    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        if not self.statistics(dataset, part).row_count:
            raise invalid("there is nothing to draw", hint="load something")
        return super().sample(dataset, part, rows, call)
