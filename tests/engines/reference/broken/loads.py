"""Engines that load or drop wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Dataset, LoadSpec
from polyroute.errors import PolyrouteError, invalid
from tests.engines.reference.engine import ReferenceEngine, appended, check_keys, keys_of
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.place import Held
from tests.engines.reference.relational import ReferenceRelational


@fault("test_all_batches_are_stored_and_counted", kinds=ALL_KINDS)
class StoresTheFirstBatchOnly(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, batches=lambda: iter([next(spec.batches())])), call)


@fault("test_all_batches_are_stored_and_counted", kinds=ALL_KINDS)
class CountsWrongly(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(spec, call) + 1


@fault("test_a_load_tells_how_far_it_is", kinds=ALL_KINDS)
class TellsNoProgress(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, advance=lambda rows: None), call)


@fault("test_an_empty_load_makes_an_empty_dataset", kinds=ALL_KINDS)
class MakesNothingOfNothing(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(spec, call) if any(b.num_rows for b in spec.batches()) else 0


@fault("test_append_adds_rows", kinds=ALL_KINDS)
class AppendsByReplacing(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, mode="replace" if spec.mode == "append" else spec.mode), call)


@fault("test_append_and_upsert_make_what_is_not_there", kinds=ALL_KINDS)
class AppendsOnlyToWhatIsThere(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        if spec.mode == "append":
            self.held(spec.dataset.name)
        return super().load(spec, call)


@fault("test_append_and_upsert_make_what_is_not_there")
class UpsertsRepeatedKeysAsTheyAre(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        fresh = spec.mode == "upsert" and spec.dataset.name not in self.state.held
        return super().load(replace(spec, mode="append") if fresh else spec, call)

    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)


@fault("test_replace_leaves_only_the_new_rows", kinds=ALL_KINDS)
class ReplacesByAppending(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, mode="append" if spec.mode == "replace" else spec.mode), call)

    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)


@fault("test_replace_may_change_the_columns", kinds=ALL_KINDS)
class RemembersDatasetsForGood(ReferenceEngine):
    def datasets(self) -> Mapping[str, Dataset]:
        known: dict[str, Dataset] = self.__dict__.setdefault("known", {})
        for name, dataset in super().datasets().items():
            known.setdefault(name, dataset)
        return {name: known[name] for name in super().datasets()}


@fault("test_upsert_replaces_whole_rows_by_key")
class MergesRowsOnUpsert(ReferenceEngine):
    def added(self, before: Held, given: Any, spec: LoadSpec) -> Held:
        if spec.mode != "upsert":
            return super().added(before, given, spec)
        rows: dict[object, dict[str, object]] = {row["k"]: row for row in before.content.to_pylist()}
        for row in given.to_pylist():
            kept = rows.get(row["k"], {})
            rows[row["k"]] = {name: kept.get(name) if value is None else value for name, value in row.items()}
        return Held(before.dataset, pa.Table.from_pylist(list(rows.values()), before.dataset.schema))


@fault("test_upsert_replaces_whole_rows_by_key", kinds=("relational", "vector"))
class LetsTheFirstOfEqualKeysWin(ReferenceEngine):
    def added(self, before: Held, given: Any, spec: LoadSpec) -> Held:
        if spec.mode == "upsert":
            first = {key: n for n, key in reversed(list(enumerate(keys_of(given, spec.dataset.key))))}
            given = given.take(pa.array(sorted(first.values())))
        return super().added(before, given, spec)


@fault("test_a_duplicate_or_missing_key_changes_nothing", kinds=("relational", "vector"))
class AcceptsDuplicateKeys(ReferenceEngine):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)


@fault("test_a_duplicate_or_missing_key_changes_nothing", kinds=("relational", "vector"))
class LooksForDuplicatesAmongHeldKeysOnly(ReferenceEngine):
    def added(self, before: Held, given: Any, spec: LoadSpec) -> Held:
        held = set(keys_of(before.content, before.dataset.key))
        if spec.mode == "append" and not held.isdisjoint(keys_of(given, before.dataset.key)):
            return super().added(before, given, spec)
        check_keys(replace(before.dataset, key=()), given)
        return Held(before.dataset, appended(before, given))


@fault("test_a_duplicate_or_missing_key_changes_nothing", kinds=("relational", "vector", "document"))
class CallsADuplicateInvalid(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        try:
            return super().load(spec, call)
        except PolyrouteError as exc:
            raise invalid(exc.message, hint=exc.hint) from exc


@fault("test_a_held_name_is_refused", kinds=ALL_KINDS)
class TrustsThatTheNameIsFree(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, mode="replace" if spec.mode == "create" else spec.mode), call)


@fault("test_a_load_that_fails_half_way_leaves_nothing", kinds=ALL_KINDS)
class KeepsHalfALoad(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        kept: list[pa.RecordBatch] = []

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in spec.batches():
                kept.append(batch)
                yield batch

        try:
            return super().load(replace(spec, batches=batches), call)
        except RuntimeError:
            super().load(replace(spec, batches=lambda: iter(kept), mode="append"), call)
            raise


@fault("test_a_load_that_fails_half_way_leaves_nothing", kinds=ALL_KINDS)
class EmptiesBeforeItReplaces(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        if spec.mode == "replace" and spec.dataset.name in self.state.held:
            self.drop(spec.dataset.name, call)
        return super().load(spec, call)


@fault("test_a_load_that_fails_half_way_leaves_nothing", kinds=ALL_KINDS)
class SwallowsAFailingSource(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        try:
            return super().load(spec, call)
        except RuntimeError:
            return 0


@fault("test_what_is_raised_before_the_commit_undoes_the_load", kinds=ALL_KINDS)
class NeverCallsBeforeTheCommit(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, before_commit=lambda: None), call)


@fault("test_what_is_raised_before_the_commit_undoes_the_load", "test_the_commit_comes_last", kinds=ALL_KINDS)
class CallsAfterTheCommit(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        rows = super().load(replace(spec, before_commit=lambda: None), call)
        spec.before_commit()
        return rows


@fault("test_the_commit_comes_last", kinds=ALL_KINDS)
class ShowsALoadTooEarly(ReferenceEngine):
    """What it shows before the commit it takes back when the commit is not to be."""

    def load(self, spec: LoadSpec, call: Call) -> int:
        before = self._place.state
        rows = super().load(replace(spec, before_commit=lambda: None), call)
        try:
            spec.before_commit()
        except BaseException:
            self._place.state = before
            raise
        return rows


@fault("test_a_dropped_dataset_is_gone", kinds=ALL_KINDS)
class KeepsWhatIsDropped(ReferenceEngine):
    def drop(self, dataset: str, call: Call) -> None:
        self.held(dataset)


@fault("test_a_dropped_dataset_is_gone", kinds=ALL_KINDS)
class DropsEverything(ReferenceEngine):
    def drop(self, dataset: str, call: Call) -> None:
        self.held(dataset)
        with self._place.changing() as draft:
            draft.held.clear()


@fault("test_a_dropped_dataset_is_gone")
class DropsWhatIsNotThere(ReferenceEngine):
    def drop(self, dataset: str, call: Call) -> None:
        if dataset in self.state.held:
            super().drop(dataset, call)


@fault("test_any_name_is_a_name", kinds=ALL_KINDS)
class FoldsTheCaseOfNames(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        return super().load(replace(spec, dataset=replace(spec.dataset, name=spec.dataset.name.lower())), call)


@fault("test_any_name_is_a_name")
class TakesNamesForPaths(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        name = spec.dataset.name.rpartition("/")[2]
        return super().load(replace(spec, dataset=replace(spec.dataset, name=name)), call)


@fault("test_any_column_name_is_a_name", kinds=("relational", "vector", "timeseries"))
class FoldsTheCaseOfColumns(ReferenceEngine):
    def added(self, before: Held, given: Any, spec: LoadSpec) -> Held:
        schema = pa.schema([f.with_name(f.name.lower()) for f in before.dataset.schema])
        held = Held(replace(before.dataset, schema=schema), before.content.rename_columns(schema.names))
        return super().added(held, given.rename_columns(schema.names), spec)


@fault("test_any_column_name_is_a_name")
class QuotesNoColumns(ReferenceRelational):
    def load(self, spec: LoadSpec, call: Call) -> int:
        wrong = [name for name in spec.dataset.schema.names if not name.isidentifier()]
        if wrong:
            raise invalid(f"syntax error near {wrong[0]!r}", hint="write SQL")
        return super().load(spec, call)


@fault("test_names_that_differ_in_case_are_two_or_refused", kinds=ALL_KINDS)
class TakesAnotherCaseForTheSame(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        known = {name.lower(): name for name in self.state.held}
        name = known.get(spec.dataset.name.lower(), spec.dataset.name)
        return super().load(replace(spec, dataset=replace(spec.dataset, name=name)), call)
