"""Engines that do not stop, or not soon, or not well."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Answer, BoundScan, LoadSpec
from polyroute.errors import DatabaseErrorCode, make_error
from polyroute.operations import (
    DocumentFind,
    GraphCentrality,
    RelationalQuery,
    TimeseriesWindow,
    VectorCluster,
)
from tests.engines.reference.document import ReferenceDocuments
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.graph import ReferenceGraph
from tests.engines.reference.relational import ReferenceRelational
from tests.engines.reference.timeseries import ReferenceTimeseries
from tests.engines.reference.vector import ReferenceVector

_LATE = "test_a_call_past_its_deadline_is_refused_and_the_engine_goes_on"
_CANCELLED = "test_a_cancelled_call_is_refused"
_LOAD_LATE = "test_a_load_stops_at_its_deadline"
_LOAD_CANCELLED = "test_a_load_stops_when_it_is_cancelled"
_LONG = "test_a_long_question_stops_at_its_deadline"
_LONG_CANCELLED = "test_a_long_question_stops_when_it_is_cancelled"
_TOO_LONG_S = 1.8


@fault(_LATE, _CANCELLED, kinds=ALL_KINDS)
class AnswersLateCalls(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(op, UNBOUNDED)


@fault(_LATE, _CANCELLED)
class AnswersLateCallsWithNothing(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        try:
            return super().scan(op, call)
        except TimeoutError:
            return op.schema.empty_table()


@fault(_LATE, _CANCELLED)
class SaysThatTheEngineIsSlow(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        try:
            return super().scan(op, call)
        except TimeoutError as exc:
            raise make_error(DatabaseErrorCode.ENGINE_TIMEOUT, "too slow", hint="wait") from exc


@fault(_LATE, _CANCELLED)
class IsDeadAfterATimeout(ReferenceEngine):
    _dead = False

    def scan(self, op: BoundScan, call: Call) -> Answer:
        if self._dead:
            raise make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, "the connection is gone", hint="connect again")
        try:
            return super().scan(op, call)
        except TimeoutError:
            self._dead = True
            raise


@fault(_LOAD_LATE)
class GoesOnLoadingAfterTheDeadline(ReferenceEngine):
    def read(self, spec: LoadSpec, call: Call) -> Any:
        return super().read(spec, UNBOUNDED)


@fault(_LOAD_CANCELLED)
class GoesOnLoadingWhenCancelled(ReferenceEngine):
    def read(self, spec: LoadSpec, call: Call) -> Any:
        return super().read(spec, UNBOUNDED)


@fault(_LOAD_LATE, _LOAD_CANCELLED, kinds=ALL_KINDS)
class KeepsWhatCameInTime(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        kept: list[pa.RecordBatch] = []
        try:
            return super().load(replace(spec, batches=lambda: (kept.append(b) or b for b in spec.batches())), call)
        except TimeoutError:
            super().load(replace(spec, batches=lambda: iter(kept)), UNBOUNDED)
            raise


@fault(_LOAD_LATE, _LOAD_CANCELLED)
class CallsAStoppedLoadDone(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        try:
            return super().load(spec, call)
        except TimeoutError:
            return 0


@fault(_LONG, _LONG_CANCELLED)
class NoticesLate(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        time.sleep(_TOO_LONG_S)
        return super().relational_query(op, call)


@fault(_LONG_CANCELLED)
class LooksAtTheDeadlineOnly(ReferenceRelational):
    """A cancelled call it notices after half a second, as if that were its deadline."""

    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        return super().relational_query(op, Call(timeout_s=_TOO_LONG_S))


@fault(_LONG)
class GroupsOnAndOn(ReferenceVector):
    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        time.sleep(_TOO_LONG_S)
        return super().vector_cluster(op, call)


@fault(_LONG)
class ScoresOnAndOn(ReferenceGraph):
    def graph_centrality(self, op: GraphCentrality, call: Call) -> Answer:
        time.sleep(_TOO_LONG_S)
        return super().graph_centrality(op, call)


@fault(_LONG)
class LooksOnAndOn(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        time.sleep(_TOO_LONG_S)
        return super().document_find(op, call)


@fault(_LONG)
class FillsOnAndOn(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        time.sleep(_TOO_LONG_S)
        return super().timeseries_window(op, call)
