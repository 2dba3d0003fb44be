"""Declarations: what an engine says of itself is so, its answers have the described columns, its errors are plain."""

from __future__ import annotations

from polyroute.engines.binding import bind
from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Engine
from polyroute.engines.describe import describe
from polyroute.engines.execution import execute, run
from polyroute.engines.testing.sample import (
    KEYLESS,
    SCHEMA,
    load_sample,
    roles_of,
    same_rows,
    sample_rows,
    sample_table,
)
from polyroute.engines.testing.some import ARGUMENTS, READS, WRITES
from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import Scan, make_operation, operations
from polyroute.values import rows_from_table


class DeclarationTests:
    """What the router relies on."""

    def test_operations_are_read_off_the_class(self, store: Store) -> None:
        cls = type(store.engine)
        assert store.engine.operations == frozenset(n for n in operations() if callable(getattr(store.engine, n, None)))
        assert store.engine.kind in store.engine.kinds
        assert issubclass(cls, Engine)
        assert "scan" in store.engine.operations

    def test_operations_of_other_kinds_are_refused(self, store: Store) -> None:
        load_sample(store)
        for name, cls in operations().items():
            if name in store.engine.operations:
                assert cls.kind in {*store.engine.kinds, "any"}
            else:
                with store.refused(told=name):
                    execute(store.engine, make_operation(name, None, ARGUMENTS.get(name, {})))

    def test_the_engine_answers_a_ping(self, store: Store) -> None:
        store.engine.ping(Call(timeout_s=10))

    def test_a_closed_engine_can_be_closed_again(self, store: Store) -> None:
        load_sample(store)
        store.engine.close()
        store.engine.close()

    def test_a_wrong_dataset_is_named_with_the_nearest(self, store: Store) -> None:
        load_sample(store)
        with store.refused(told="did you mean 'things'"):
            store.engine.dataset("thing")

    def test_native_errors_leave_as_polyroutes_own(self, store: Store) -> None:
        """A bound operation on a dataset that has gone must not end in a native exception."""
        load_sample(store)
        dataset = store.engine.dataset("things")
        store.engine.drop("things", Call(timeout_s=10))
        for op in (Scan("things"), *(op for op in READS.get(store.engine.kind, ()) if op.dataset is not None)):
            try:
                run(store.engine, bind(dataset, op))
            except PolyrouteError as exc:
                assert exc.code in ("QUERY_INVALID", "TRANSACTION_FAILED"), f"{op.name}: {exc.code} {exc}"
            else:
                raise AssertionError(f"{op.name} was answered from a dataset that has gone")

    def test_the_schema_of_every_answer_is_described(self, store: Store) -> None:
        load_sample(store)
        dataset = store.engine.dataset("things")
        scans = [Scan("things"), Scan("things", ("name", "k")), Scan("things", ("name", "k"), "k < 0")]
        assert describe(dataset, scans[0]) == SCHEMA
        for op in (*scans, *(Scan("things", part=part) for part in dataset.parts), *READS.get(dataset.kind, ())):
            described = describe(dataset, op)
            found = store.ask(op)
            if described is not None:
                assert found.to_arrow().schema == described, op
                assert found.columns == tuple(described.names), op
                assert found.schema == described, op
            assert same_rows(rows_from_table(found.to_arrow()), found.fetchall()), op

    def test_a_write_with_an_idempotency_key_is_done_once(self, store: Store) -> None:
        if not store.engine.traits.idempotent_writes:
            return
        load_sample(store)
        write, undo = WRITES[store.engine.kind]
        before = store.all_rows("things")
        first = store.ask(write, Call(idempotency_key="one"))
        assert len(store.rows(Scan("things"))) == 11
        store.ask(undo)
        assert same_rows(store.all_rows("things"), before)
        for restart in (False, store.engine.traits.durable):
            if restart:
                store.reopen()
            again = store.ask(write, Call(idempotency_key="one"))
            assert (again.rows_affected, again.keys) == (first.rows_affected, first.keys)
            assert same_rows(store.all_rows("things"), before), "a write was done twice"
        execute(store.another(), write, Call(idempotency_key="one"))
        assert same_rows(store.all_rows("things"), before), "a write was done twice"
        store.ask(write, Call(idempotency_key="two"))
        assert len(store.rows(Scan("things"))) == 11

    def test_a_write_that_fails_does_not_use_up_its_key(self, store: Store) -> None:
        if not store.engine.traits.idempotent_writes:
            return
        load_sample(store)
        write, _ = WRITES[store.engine.kind]
        call = Call(idempotency_key="one")
        call.cancel()
        try:
            store.ask(write, call)
        except PolyrouteError as exc:
            assert exc.code == "QUERY_TIMEOUT", exc
        store.ask(write, Call(idempotency_key="one"))
        assert len(store.rows(Scan("things"))) == 11, "a write that had failed before was not done"

    def test_an_index_changes_no_answer(self, store: Store) -> None:
        load_sample(store)
        for columns in (["name"], ["day", "k"]):
            try:
                store.engine.create_index("things", columns, UNBOUNDED)
            except PolyrouteError as exc:
                assert exc.code == "QUERY_INVALID", exc
            assert same_rows(store.rows(Scan("things")), rows_from_table(sample_table()), ordered=False)
            found = store.rows(Scan("things", ("k",), "name = 'ann' AND day >= '2013-01-30'", order="k"))
            assert found == [(6,)]
        with store.refused():
            store.engine.create_index("things", ["nam"], UNBOUNDED)

    def test_errors_show_no_values(self, store: Store) -> None:
        value = "s3ntinel-value"
        table = sample_table([{**r, "name": value} for r in sample_rows()[:2]])
        roles = roles_of(store.engine)
        if store.engine.kind not in KEYLESS:
            with store.refused("CONSISTENCY_VIOLATION", hidden=value):
                store.load("named", table, key="name", **roles)
            store.load("named", table.slice(0, 1), key="name", **roles)
            with store.refused("CONSISTENCY_VIOLATION", hidden=value):
                store.load("named", table.slice(1, 1), mode="append")
