"""LanceDB: wrong vectors, wrong filters, conflicts between writers, and tables whose files were damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code, no_file_left, small_files

NOTHING, UNDONE, OPEN = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN
INVALID, AWAY, FAILED = Code.QUERY_INVALID, Code.ENGINE_UNAVAILABLE, Code.QUERY_EXECUTION_FAILED
VECTOR = [1.0, 2.0, 3.0]


def rows() -> pa.Table:
    vectors = pa.array([VECTOR, [3.0, 4.0, 5.0]], pa.list_(pa.float32(), 3))
    return pa.table({"id": ["a", SENTINEL], "n": [1, 2], "vector": vectors})


def table(directory: Path) -> lancedb.table.Table:
    return lancedb.connect(directory).create_table("p", rows())


def on(work: Callable[[lancedb.table.Table], object]) -> Callable[[Path], object]:
    return lambda directory: work(table(directory))


def where(condition: str) -> Callable[[Path], object]:
    return on(lambda t: t.search(VECTOR).where(condition).limit(2).to_arrow())


def add(**columns: object) -> Callable[[Path], object]:
    return on(lambda t: t.add([{"id": "z", "n": 1, "vector": VECTOR, **columns}]))


def overwritten_by_others(directory: Path) -> object:
    """Let several writers replace a table at once: all but one find that another was quicker."""
    table(directory)
    caught: list[BaseException] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        try:
            lancedb.connect(directory).create_table("p", rows(), mode="overwrite")
        except RuntimeError as exc:
            caught.append(exc)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raise caught[0]


def changed_meanwhile(directory: Path) -> object:
    table(directory)
    first, second = (lancedb.connect(directory).open_table("p") for _ in range(2))
    first.add_columns({"twice": "n * 2"})
    return second.drop_columns(["n"])


def damaged(pattern: str, damage: Callable[[Path], object]) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        table(directory)
        (path,) = (directory / "p.lance").glob(pattern)
        damage(path)
        return lancedb.connect(directory).open_table("p").to_arrow()

    return act


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwrite(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def file_too_large(t: lancedb.table.Table) -> object:
    numbers = np.random.default_rng(7).integers(0, 2**60, 300_000)
    many = lancedb.connect(t.uri.rpartition("/")[0]).create_table("many", pa.table({"n": [1]}))
    with small_files():
        return many.add(pa.table({"n": numbers}))


def no_file_for_the_data(t: lancedb.table.Table) -> object:
    with no_file_left():
        return t.search(VECTOR).to_arrow()


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome, retry: bool = False) -> Case:
    return Case(f"lancedb-{name}", "lancedb", act, code, outcome, retry)


CASES = (
    case(
        "table-exists",
        on(lambda t: lancedb.connect(t.uri.rpartition("/")[0]).create_table("p", rows())),
        INVALID,
        NOTHING,
    ),
    case("no-table", lambda d: lancedb.connect(d).open_table("q"), INVALID, NOTHING),
    case("table-name", lambda d: lancedb.connect(d).create_table("../q", rows()), INVALID, NOTHING),
    case("dimension", on(lambda t: t.search([1.0], vector_column_name="vector").to_arrow()), INVALID, NOTHING),
    case("no-vector-column", on(lambda t: t.search(VECTOR, vector_column_name="zz").to_arrow()), INVALID, NOTHING),
    case("not-a-vector", on(lambda t: t.search(VECTOR, vector_column_name="n").to_arrow()), INVALID, NOTHING),
    case("query-type", on(lambda t: t.search({"a": 1}).to_arrow()), INVALID, NOTHING),
    case("k-zero", on(lambda t: t.search(VECTOR).limit(0).to_arrow()), INVALID, NOTHING),
    case("metric", on(lambda t: t.search(VECTOR).distance_type("foo").to_arrow()), INVALID, NOTHING),
    case("filter-syntax", where(f"n >< '{SENTINEL}'"), INVALID, NOTHING),
    case("filter-column", where("nn > 1"), INVALID, NOTHING),
    case("filter-type", where(f"n = '{SENTINEL}'"), INVALID, NOTHING),
    case("filter-function", where("foo(n) = 1"), INVALID, NOTHING),
    case("filter-not-boolean", where("n"), INVALID, NOTHING),
    case("filter-pattern", where(f"regexp_like(id, '({SENTINEL}')"), INVALID, NOTHING),
    case("select-column", on(lambda t: t.search(VECTOR).select(["nope"]).to_arrow()), INVALID, NOTHING),
    case("filter-cast", on(lambda t: t.search().where("cast(id as int) = 1").to_arrow()), FAILED, OPEN),
    case("filter-division", on(lambda t: t.search().where("n / 0 = 1").to_arrow()), FAILED, OPEN),
    case("add-dimension", add(vector=[1.0, 2.0]), INVALID, NOTHING),
    case("add-type", add(n=SENTINEL), INVALID, NOTHING),
    case("add-column", add(x=1), INVALID, NOTHING),
    case("add-nan", add(vector=[1.0, float("nan"), 3.0]), INVALID, NOTHING),
    case("add-too-large", add(n=2**70), INVALID, NOTHING),
    case("add-object", add(id=object()), INVALID, NOTHING),
    case("add-nothing", on(lambda t: t.add([])), INVALID, NOTHING),
    case("delete-column", on(lambda t: t.delete("nope = 1")), INVALID, NOTHING),
    case("delete-syntax", on(lambda t: t.delete("((")), INVALID, NOTHING),
    case("update-column", on(lambda t: t.update(where="n = 1", values={"nope": 1})), INVALID, NOTHING),
    case("update-type", on(lambda t: t.update(where="n = 1", values={"n": SENTINEL})), INVALID, NOTHING),
    case("merge-key", on(lambda t: t.merge_insert("no").when_matched_update_all().execute(rows())), INVALID, NOTHING),
    case(
        "merge-twice",
        on(lambda t: t.merge_insert("id").when_matched_update_all().execute(pa.concat_tables([rows(), rows()]))),
        INVALID,
        NOTHING,
    ),
    case("no-version", on(lambda t: t.checkout(999)), INVALID, NOTHING),
    case("no-tag", on(lambda t: t.tags.get_version("nope")), INVALID, NOTHING),
    case("scheme", lambda d: lancedb.connect("foo://x").table_names(), INVALID, NOTHING),
    case(
        "not-a-directory",
        lambda d: lancedb.connect(__file__ + "/x").table_names(),
        Code.ENGINE_CONNECTION_FAILED,
        NOTHING,
        True,
    ),
    case(
        "timeout",
        on(lambda t: t.search(VECTOR).to_arrow(timeout=timedelta(0))),
        Code.QUERY_TIMEOUT,
        NOTHING,
    ),
    case("overwritten", overwritten_by_others, Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("changed-meanwhile", changed_meanwhile, Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("data-truncated", damaged("data/*.lance", halve), AWAY, OPEN),
    case("data-overwritten", damaged("data/*.lance", overwrite), AWAY, OPEN),
    case("data-missing", damaged("data/*.lance", Path.unlink), AWAY, OPEN),
    case("manifest-truncated", damaged("_versions/*.manifest", shorten), AWAY, OPEN),
    case("manifest-overwritten", damaged("_versions/*.manifest", overwrite), AWAY, OPEN),
    case("file-size-limit", on(file_too_large), Code.CAPACITY_EXCEEDED, OPEN),
    case("no-file-left", on(no_file_for_the_data), Code.RESOURCE_EXHAUSTED, OPEN),
)
