"""What outlives a call: restarts, other users of the same place, versions, counts, threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import Engine
from polyroute.engines.execution import execute
from polyroute.engines.testing.sample import (
    Sample,
    key_of,
    load_sample,
    roles_of,
    same_rows,
    sample_rows,
    sample_table,
)
from polyroute.engines.testing.store import Store
from polyroute.errors import Outcome, PolyrouteError
from polyroute.operations import Scan
from polyroute.result import QueryResult
from polyroute.values import rows_from_table

_READS = 100
# so that the reads outlast the writer, whose moments of weakness they are to meet
_BETWEEN_READS_S = 0.001


class SharingTests:
    """What others see, and what is there later."""

    def test_everything_is_there_after_a_restart(self, store: Store) -> None:
        if not store.engine.traits.durable:
            return
        load_sample(store)
        before = store.engine.dataset("things")
        store.reopen()
        assert store.engine.dataset("things") == before
        assert same_rows(store.rows(Scan("things")), rows_from_table(sample_table()), ordered=False)
        load_sample(store, rows=[{**sample_rows()[0], "k": 10}], mode="append")
        assert len(store.rows(Scan("things"))) == 11

    def test_a_read_only_engine_answers_and_changes_nothing(self, store: Store) -> None:
        if not store.engine.traits.durable:
            return
        load_sample(store)
        store.reopen(read_only=True)
        assert same_rows(store.rows(Scan("things")), rows_from_table(sample_table()), ordered=False)
        for write in (
            lambda: load_sample(store, "others"),
            lambda: load_sample(store, rows=[{**sample_rows()[0], "k": 10}], mode="append"),
            lambda: store.engine.drop("things", UNBOUNDED),
        ):
            before = store.everything()
            try:
                write()
            except PolyrouteError as exc:
                assert exc.code in ("QUERY_INVALID", "ENGINE_UNAVAILABLE"), exc
            else:
                raise AssertionError("a read-only engine was written to")
            assert store.everything() == before
        store.reopen()
        load_sample(store, mode="replace")

    def test_a_place_that_is_not_there_is_told(self, store: Store) -> None:
        """Reading only, nothing is made; and no engine makes the folder that its place is to lie in."""
        if store.elsewhere is None:
            return
        with TemporaryDirectory() as made:
            folder = Path(made)
            for place, read_only in ((folder, True), (folder / "no" / "such", True), (folder / "no" / "such", False)):
                try:
                    store.elsewhere(place, read_only=read_only).close()
                except PolyrouteError as exc:
                    assert exc.code in ("QUERY_INVALID", "ENGINE_CONNECTION_FAILED"), exc
                    assert exc.hint, exc
                else:
                    raise AssertionError(f"a place that is not there was opened, read_only={read_only}")
                assert not list(folder.iterdir()), "something was made on the way"

    def test_what_another_user_writes_is_seen(self, store: Store) -> None:
        load_sample(store, rows=sample_rows()[:2])
        assert len(store.rows(Scan("things"))) == 2
        other = store.another()
        _load_into(store, other, "things", sample_rows()[:5], "replace")
        assert len(store.rows(Scan("things"))) == 5
        _load_into(store, other, "others", sample_rows()[:1], "create")
        assert sorted(store.engine.datasets()) == ["others", "things"]
        assert len(store.rows(Scan("others"))) == 1
        other.drop("others", UNBOUNDED)
        assert sorted(store.engine.datasets()) == ["things"]
        load_sample(store, rows=[{**sample_rows()[0], "k": 10}], mode="append")
        assert len(QueryResult(execute(other, Scan("things")))) == 6
        other.close()
        assert len(store.rows(Scan("things"))) == 6

    def test_the_data_version_changes_with_the_data(self, store: Store) -> None:
        load_sample(store, rows=sample_rows()[:4])
        first = store.engine.data_version("things")
        if first is None:
            return
        store.rows(Scan("things"))
        assert store.engine.data_version("things") == first, "reading changed the version"
        load_sample(store, rows=sample_rows()[4:], mode="append")
        second = store.engine.data_version("things")
        assert second not in (first, None), "a write did not change the version"
        other = store.another()
        assert other.data_version("things") is not None
        _load_into(store, other, "things", sample_rows()[:2], "replace")
        third = store.engine.data_version("things")
        assert third not in (first, second, None), "another user's write was not noticed"
        assert len(store.rows(Scan("things"))) == 2
        store.engine.drop("things", UNBOUNDED)
        load_sample(store, rows=sample_rows()[:4])
        assert store.engine.data_version("things") not in (first, second, third, None), "a version came back"

    def test_the_row_count_is_true(self, store: Store) -> None:
        load_sample(store)
        assert store.engine.statistics("things").row_count in (10, None)
        assert (store.engine.statistics("things").rows or 10) in range(5, 21), "a guess is far from the truth"
        load_sample(store, rows=sample_rows()[:3], mode="replace")
        assert store.engine.statistics("things").row_count in (3, None)
        _load_into(store, store.another(), "things", [{**sample_rows()[0], "k": 10}], "append")
        assert store.engine.statistics("things").row_count in (4, None)

    def test_many_threads_get_right_answers(self, store: Store) -> None:
        load_sample(store)

        def read(number: int) -> Callable[[], None]:
            expected = rows_from_table(sample_table([sample_rows()[number]]))

            def reading() -> None:
                for _ in range(8):
                    assert same_rows(store.rows(Scan("things", where="k = $n", params={"n": number})), expected)

            return reading

        def write(name: str) -> None:
            for _ in range(3):
                load_sample(store, name, rows=sample_rows()[:2], mode="replace")

        _at_once(store, *map(read, range(4)), lambda: write("one"), lambda: write("two"))
        assert sorted(store.engine.datasets()) == ["one", "things", "two"]
        assert len(store.rows(Scan("one"))) == len(store.rows(Scan("two"))) == 2

    def test_no_acknowledged_write_is_lost_between_threads(self, store: Store) -> None:
        load_sample(store, rows=[])
        acknowledged: list[int] = []

        def append(first: int) -> Callable[[], None]:
            def appending() -> None:
                for key in range(first, first + 5):
                    try:
                        load_sample(store, rows=[{**sample_rows()[0], "k": key}], mode="append")
                    except PolyrouteError as exc:
                        # an engine may refuse to write at the same time, as long as it has not written
                        assert exc.outcome in (Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK), exc
                    else:
                        acknowledged.append(key)

            return appending

        _at_once(store, append(100), append(200), append(300))
        assert sorted(store.column(Scan("things", ("k",)))) == sorted(acknowledged)
        assert acknowledged

    def test_a_replaced_dataset_is_seen_whole(self, store: Store) -> None:
        """Readers see the old rows or the new ones, never some of each and never none."""
        old: list[Sample] = sample_rows()[:3]
        new: list[Sample] = [{**r, "k": r["k"] + 100} for r in sample_rows()[:6]]
        load_sample(store, rows=old)
        whole = [{r["k"] for r in rows} for rows in (old, new)]
        written = threading.Event()

        def write() -> None:
            try:
                for rows in (new, old, new, old, new):
                    load_sample(store, rows=rows, mode="replace")
            finally:
                written.set()

        def read() -> None:
            for _ in range(_READS):
                if written.is_set():
                    return
                assert set(store.column(Scan("things", ("k",)))) in whole
                time.sleep(_BETWEEN_READS_S)

        _at_once(store, write, read, read)
        assert len(store.rows(Scan("things"))) == 6


def _load_into(store: Store, engine: Engine, name: str, rows: list[Sample], mode: str) -> None:
    store.load(
        name,
        sample_table(rows),
        mode=mode,
        key=key_of(store.engine),
        into=engine,
        **roles_of(store.engine),
    )


def _at_once(store: Store, *jobs: Callable[[], None]) -> None:
    """Run jobs at once, as many as the engine takes, and raise the first error of any."""
    errors: list[BaseException] = []
    places = store.engine.traits.concurrent
    limit: AbstractContextManager[object] = nullcontext() if places is None else threading.BoundedSemaphore(places)

    def work(job: Callable[[], None]) -> None:
        try:
            with limit:
                job()
        except BaseException as exc:  # noqa: BLE001 - told in the test's own thread
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
