"""Engines that are not what they say, or whose errors and schemas are not what they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.engines.local import evaluate
from polyroute.engines.resources import Resource
from polyroute.errors import DatabaseErrorCode, ErrorTable, PolyrouteError, Verdict, make_error
from polyroute.errors.codes import Outcome
from polyroute.operations import (
    DocumentCount,
    GraphNeighbors,
    Operation,
    RelationalGet,
    TimeseriesLatest,
    VectorGet,
    VectorSearch,
    operations,
)
from polyroute.result import Rows
from tests.engines.reference.document import ReferenceDocuments
from tests.engines.reference.engine import ReferenceEngine, affected, found, keys_of
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.graph import ReferenceGraph
from tests.engines.reference.place import Held, Place
from tests.engines.reference.relational import ReferenceRelational
from tests.engines.reference.timeseries import ReferenceTimeseries
from tests.engines.reference.vector import ReferenceVector

_DESCRIBED = "test_the_schema_of_every_answer_is_described"
_ONCE = "test_a_write_with_an_idempotency_key_is_done_once"
_INDEX = "test_an_index_changes_no_answer"
_NATIVE = "test_native_errors_leave_as_polyroutes_own"


@fault("test_operations_are_read_off_the_class")
class DeclaresWhatItHasNot(ReferenceRelational):
    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        self.operations = type(self).operations | {"relational_merge"}  # type: ignore[misc]


@fault("test_operations_of_other_kinds_are_refused", kinds=ALL_KINDS)
class AnswersEverythingWithNothing(ReferenceEngine):
    def __getattr__(self, name: str) -> Any:
        if name in operations():
            return lambda op, call: Rows((), [])
        raise AttributeError(name)


@fault("test_the_engine_answers_a_ping")
class CannotBeReached(ReferenceEngine):
    def ping(self, call: Call) -> None:
        raise make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, "no answer", hint="start it")


@fault("test_a_closed_engine_can_be_closed_again", kinds=ALL_KINDS)
class ClosesOnce(ReferenceEngine):
    def close(self) -> None:
        if not self._open:
            raise make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, "closed already", hint="open it")
        super().close()


@fault("test_a_wrong_dataset_is_named_with_the_nearest")
class NamesNoNearest(ReferenceEngine):
    def dataset(self, name: str) -> Dataset:
        try:
            return super().dataset(name)
        except PolyrouteError as exc:
            raise make_error(DatabaseErrorCode.QUERY_INVALID, "no such dataset") from exc


@fault(_NATIVE, kinds=ALL_KINDS)
class KnowsNoNativeErrors(ReferenceEngine):
    errors = ErrorTable(
        types={"builtins.LookupError": Verdict(DatabaseErrorCode.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)}
    )

    def held(self, name: str | None) -> Held:
        return self.state.held[str(name)]


@fault(_NATIVE, kinds=ALL_KINDS)
class AnswersFromWhatIsGone(ReferenceEngine):
    def held(self, name: str | None) -> Held:
        known: dict[str | None, Held] = self.__dict__.setdefault("known", {})
        known.update(self.state.held)
        return found(known, name)

    def drop(self, dataset: str, call: Call) -> None:
        self.held(dataset)
        super().drop(dataset, call)


@fault(_DESCRIBED)
class DescribesNoMissingRow(ReferenceRelational):
    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        table: Any = super().relational_get(op, call)
        return table if table.num_rows else Rows(table.column_names, [])


@fault(_DESCRIBED)
class ScoresWithSmallFloats(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        table: Any = super().vector_search(op, call)
        return table.set_column(table.num_columns - 1, "score", table["score"].cast(pa.float32()))


@fault(_DESCRIBED)
class AnswersNothingForNoKey(ReferenceVector):
    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        table: Any = super().vector_get(op, call)
        return table if table.num_rows else Rows((), [])


@fault(_DESCRIBED)
class CountsHopsInSmallNumbers(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        answer: Any = super().graph_neighbors(op, call)
        answer.schema = answer.schema.set(2, pa.field("hops", pa.int32()))
        return answer


@fault(_DESCRIBED)
class CountsUnderAnotherName(ReferenceDocuments):
    def document_count(self, op: DocumentCount, call: Call) -> Answer:
        answer: Any = super().document_count(op, call)
        return Rows(("n",), answer.rows, pa.schema([("n", pa.int64())]))


@fault(_DESCRIBED)
class PutsGroupsFirst(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        table: Any = super().timeseries_latest(op, call)
        by: Sequence[str] = op.by or ()  # type: ignore[assignment]
        return table.select([*by, *(n for n in table.column_names if n not in by)])


Change = Callable[[Held], tuple[Held, Rows]]


@fault(_ONCE, kinds=ALL_KINDS)
class RepeatsWrites(ReferenceEngine):
    def write(self, op: Operation, call: Call, change: Change) -> Rows:
        call.check()
        return super().write(op, UNBOUNDED, change)


@fault(_ONCE)
class RemembersKeysForItselfOnly(ReferenceEngine):
    def write(self, op: Operation, call: Call, change: Change) -> Rows:
        done: dict[str | None, Rows] = self.__dict__.setdefault("done", {})
        if call.idempotency_key in done:
            return done[call.idempotency_key]
        answer = super().write(op, UNBOUNDED, change)
        if call.idempotency_key:
            done[call.idempotency_key] = answer
        return answer


@fault(_ONCE)
class ForgetsWhatItAnswered(ReferenceEngine):
    def write(self, op: Operation, call: Call, change: Change) -> Rows:
        seen = call.idempotency_key in self.state.done
        answer = super().write(op, call, change)
        return affected(0) if seen else answer


@fault("test_a_write_that_fails_does_not_use_up_its_key", kinds=ALL_KINDS)
class UsesUpKeys(ReferenceEngine):
    def write(self, op: Operation, call: Call, change: Change) -> Rows:
        if call.idempotency_key and call.idempotency_key not in self.state.done:
            with self._place.changing() as draft:
                draft.done[call.idempotency_key] = affected(1)
            call.check()
            return super().write(op, UNBOUNDED, change)
        return super().write(op, call, change)


@fault(_INDEX)
class IndexesOneRowPerValue(ReferenceEngine):
    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        held = self.held(dataset)
        rows = {key: n for n, key in enumerate(keys_of(held.content, tuple(columns)))}
        with self._place.changing() as draft:
            draft.held[dataset] = Held(held.dataset, held.content.take(pa.array(sorted(rows.values()))))


@fault(_INDEX)
class IndexesWhatIsNotThere(ReferenceEngine):
    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Do nothing."""


@fault("test_errors_show_no_values", kinds=("relational", "vector"))
class ShowsTheDuplicateKey(ReferenceEngine):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        try:
            return super().checked(dataset, table)
        except PolyrouteError as exc:
            shown = evaluate(table, columns=dataset.key).to_pylist()
            raise make_error(exc.code, f"{exc.message}: {shown}", hint=exc.hint) from exc
