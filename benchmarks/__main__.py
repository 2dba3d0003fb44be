"""Run all benchmarks, or those named, and write their tables to benchmarks/RESULTS.md."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.table import Table

ALL = ("point_read", "start", "load_rates", "questions", "tpch", "planning", "routing", "guard", "generated", "cache")
RESULTS = Path(__file__).parent / "RESULTS.md"


def main(names: list[str]) -> None:
    """Run the benchmarks and write the file; a partial run only prints."""
    tables: list[Table] = []
    for name in names or ALL:
        print(f"{name} ...", flush=True)
        for table in importlib.import_module(f"benchmarks.{name}").run():
            print(table.markdown(), "\n", flush=True)
            tables.append(table)
    if names:
        return
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    head = f"# Benchmarks\n\nWritten by `make bench` ({where}). The ratios within a table carry, not the times.\n"
    RESULTS.write_text(head + "\n" + "\n\n".join(t.markdown() for t in tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
