"""Start-up: `import polyroute`, and the first SQL over two embedded engines, each in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.table import Table

_IMPORTS = ("polyroute", "sqlglot", "pyarrow", "duckdb", "pandas", "sqlalchemy")
_NO_PANDAS = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
"""
_FIRST_SQL = """
import time
started = time.perf_counter()
import polyroute
db = polyroute.connect({"rel": "sqlite://", "olap": "duckdb://"})
db.load("a", [{"x": 1}], engine="rel")
db.load("b", [{"x": 1}], engine="olap")
assert db.sql("SELECT count(*) FROM a JOIN b USING (x)").scalar() == 1
print(time.perf_counter() - started)
"""


def run() -> list[Table]:
    """Measure cold starts."""
    return [_imports(), _first_sql()]


def _seconds(code: str, times: int = 7) -> float:
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(times)
    ]
    return statistics.median(float(r.stdout) for r in runs)


def _imports() -> Table:
    code = "import time; s = time.perf_counter(); import {}; print(time.perf_counter() - s)"
    times = {name: _seconds(code.format(name)) for name in _IMPORTS}
    rows = [(f"import {n}", f"{t * 1e3:.0f}", f"{t / times['polyroute']:.1f}x") for n, t in times.items()]
    return Table("Import", "Goal: <= 100 ms; fresh processes, median.", ("what", "ms", "ratio"), rows)


def _first_sql() -> Table:
    note = (
        "Import, connect, two loads and the first joined answer over SQLite and DuckDB, in a fresh process. "
        "Goal: <= 1.5 s. Where pandas is installed, pyarrow imports it when the first Arrow array is made "
        "from Python values."
    )
    rows = [
        ("pandas not installed", f"{_seconds(_NO_PANDAS + _FIRST_SQL, 5):.2f}"),
        ("pandas installed", f"{_seconds(_FIRST_SQL, 5):.2f}"),
    ]
    return Table("First SQL over two engines", note, ("what", "s"), rows)
