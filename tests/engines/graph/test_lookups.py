"""Scans that name nodes go through the index, and give the rows that a pass over the whole table gives."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines import open_engine
from polyroute.engines.execution import as_table, execute
from polyroute.engines.graph import lookups
from polyroute.engines.graph.networkx import NetworkXEngine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_table
from polyroute.engines.local import evaluate
from polyroute.operations import GraphUpsert, Scan
from polyroute.sql.filters import parse_filter

SIZE = 4000
ENDS = {"source": "src", "target": "dst"}


def edges(kind: pa.DataType) -> pa.Table:
    """Return edges among 100 nodes with parallel ones and loops."""
    sources: list[object] = [n * 7 % 100 for n in range(SIZE)]
    targets: list[object] = [n * n % 100 for n in range(SIZE)]
    if pa.types.is_string(kind):
        sources, targets = ([f"n{n}" for n in ends] for ends in (sources, targets))
    return pa.table(
        {"src": pa.array(sources, kind), "dst": pa.array(targets, kind), "w": pa.array(range(SIZE), pa.int64())}
    )


GRAPHS = {
    "texts": edges(pa.string()),
    "numbers": edges(pa.int32()),
}
NODES = pa.table({"id": pa.array([f"n{n}" for n in range(0, 1000, 5)]), "size": pa.array(range(200), pa.int64())})


@pytest.fixture(scope="module")
def engine() -> Iterator[NetworkXEngine]:
    opened = open_engine("networkx://")
    assert isinstance(opened, NetworkXEngine)
    for name, table in GRAPHS.items():
        load([opened], name, from_table(table), definition=Definition((), dict(ENDS)), show_progress=False)
    listed = Definition((), {**ENDS, "node_key": "id"}, NODES)
    load([opened], "listed", from_table(GRAPHS["texts"]), definition=listed, show_progress=False)
    yield opened
    opened.close()


IDS = st.lists(st.integers(0, 110), max_size=4)
WHERE = st.sampled_from(["src IN $k", "dst IN $k", "src IN $k AND w > 500", "src NOT IN $k", "src IN $k OR w = 3"])
COLUMNS = st.sampled_from([("w",), ("dst", "src"), ("src", "dst", "w")])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(GRAPHS)), ids=IDS, where=WHERE, columns=COLUMNS)
def test_edges_of_nodes(
    engine: NetworkXEngine, name: str, ids: list[int], where: str, columns: tuple[str, ...]
) -> None:
    table = GRAPHS[name]
    keys: list[object] = [*ids, None] if name == "numbers" else [f"n{n}" for n in ids]
    expected = evaluate(table, columns=columns, where=parse_filter(where, table.schema, {"k": keys}))
    found = as_table(execute(engine, Scan(name, columns, where, {"k": keys})))
    assert found.equals(expected), f"{name}: {where} {keys}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["texts", "listed"]),
    ids=IDS,
    where=st.sampled_from(["id IN $k", "id = $one", "id IN $k OR id = $one"]),
)
def test_nodes_by_their_ids(engine: NetworkXEngine, name: str, ids: list[int], where: str) -> None:
    whole = as_table(execute(engine, Scan(name, part="nodes")))
    params = {"k": [f"n{n}" for n in ids], "one": "n35"}
    expected = evaluate(whole, columns=["id"], where=parse_filter(where, whole.schema, params))
    found = as_table(execute(engine, Scan(name, ("id",), where, params, part="nodes")))
    assert found.equals(expected), f"{name}: {where} {ids}"


def test_the_index_is_built_when_scans_have_asked_often_enough() -> None:
    engine = open_engine("networkx://")
    load([engine], "g", from_table(GRAPHS["texts"]), definition=Definition((), dict(ENDS)), show_progress=False)
    for number in range(lookups._BUILT_AFTER + 1):
        snapshot = engine.resource.handle.snapshot("g")
        assert "index" not in vars(snapshot), number
        assert as_table(execute(engine, Scan("g", ("w",), "src = 'n7'"))).num_rows == 40
    assert "index" in vars(snapshot)
    execute(engine, GraphUpsert("g", edges=[{"src": "n7", "dst": "new", "w": 1}]))
    assert as_table(execute(engine, Scan("g", ("w",), "src = 'n7'"))).num_rows == 41
    engine.close()
