"""Nothing that the engine does writes to the terminal: neither Python's warnings nor the log of Lance's core."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import pyarrow as pa
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.registry import open_engine
from polyroute.engines.testing.store import Store
from polyroute.operations import Scan, VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert

rows = pa.table({
    "k": pa.array(range(300), pa.int64()),
    "s": ["a"] * 300,
    "v": pa.array([[float(n % 17), float(n % 5), 1.0] for n in range(300)], pa.list_(pa.float32(), 3)),
})
store = Store(lambda: open_engine("lancedb:///" + sys.argv[1] + "?memory_mb=0&index_rows=1"))
store.load("a", rows, key="k", vector="v")
store.load("a", rows, mode="replace")
store.load("a", rows, mode="upsert")
store.load("a", rows.set_column(0, "k", pa.array(range(300, 600), pa.int64())), mode="append")
store.engine.create_index("a", ["v", "k", "s"], UNBOUNDED)
for where in (None, "k > 5", "length(s) = 1"):
    assert store.rows(VectorSearch("a", [1.0, 2.0, 3.0], where=where))
assert store.rows(VectorGet("a", [1, 2]))
assert store.rows(VectorCluster("a"))
assert store.rows(Scan("a", order="k"))
store.ask(VectorUpsert("a", rows.slice(0, 1)))
store.ask(VectorDelete("a", [1]))
store.engine.resource.handle.upkeep.tidy("a")
store.load("empty", rows.slice(0, 0), key="k", vector="v")
store.rows(VectorSearch("empty", [1.0, 2.0, 3.0]))
store.engine.drop("a", UNBOUNDED)
store.close()
"""


def test_the_engine_is_quiet(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path / "v")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
