"""Importing polyroute stays cheap: no engine, no heavy library."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "pyarrow",
    "numpy",
    "duckdb",
    "sqlglot",
    "lancedb",
    "networkx",
    "tinydb",
    "pandas",
    "polars",
    "sklearn",
    "scipy",
    "click",
)


def test_import_loads_no_heavy_library() -> None:
    code = f"import sys, polyroute; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_resolves() -> None:
    code = "import polyroute; [getattr(polyroute, n) for n in polyroute.__all__]; print('ok')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok"
