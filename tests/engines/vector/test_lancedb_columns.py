"""A scan of vectors reads what it is asked for: most of the bytes are the vectors themselves."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from polyroute.engines import open_engine
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.execution import as_table, execute
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_table
from polyroute.operations import Scan, VectorGet, VectorSearch


def test_vectors_are_only_read_where_they_are_wanted(tmp_path: Path) -> None:
    engine = open_engine(f"lancedb:///{tmp_path}/vectors")
    width = 512
    table = pa.table(
        {
            "k": pa.array(range(100), pa.int64()),
            "name": pa.array([f"n{n}" for n in range(100)]),
            "v": pa.array([[float(n)] * width for n in range(100)], pa.list_(pa.float32(), width)),
        }
    )
    definition = Definition(key=("k",), roles={"vector": "v"})
    load([engine], "t", from_table(table), definition=definition, show_progress=False)
    memory = engine.resource.handle.folder.memory
    vectors = 100 * width * 4
    rows = as_table(execute(engine, Scan("t", ("name",), "k IN $k", {"k": list(range(5, 90))}, "name DESC", 2)))
    assert rows["name"].to_pylist() == ["n9", "n89"]
    assert as_table(execute(engine, VectorGet("t", [3], ("name",)))).to_pylist() == [{"name": "n3"}]
    assert engine.sample("t", None, 10, UNBOUNDED).column_names == ["k", "name"]
    assert memory.nbytes < vectors / 10, "the vectors were read"
    asked = VectorSearch("t", [1.0] * width, 1, "k > 5", columns=("k",))
    assert as_table(execute(engine, asked))["k"].to_pylist() == [6]
    whole = as_table(execute(engine, Scan("t", order="k")))
    assert whole.equals(table)
    assert as_table(execute(engine, Scan("t", ("v",), order="k"))).equals(table.select(["v"]))
    engine.close()
