"""Run all benchmarks, or those named, and write their tables to benchmarks/RESULTS.md."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.table import Table

ALL = ("point_read", "start", "load_rates", "questions", "tpch", "planning", "routing", "guard", "generated", "cache")
RESULTS = Path(__file__).parent / "RESULTS.md"


def main(arguments: list[str]) -> None:
    """Run the benchmarks named, or all; `--write` puts their tables in the file, as a run of all does."""
    names = [a for a in arguments if a != "--write"]
    write = not names or "--write" in arguments
    for name in names or ALL:
        print(f"{name} ...", flush=True)
        tables = importlib.import_module(f"benchmarks.{name}").run()
        for table in tables:
            print(table.markdown(), "\n", flush=True)
        if write:
            RESULTS.write_text(_with_tables(RESULTS.read_text(encoding="utf-8"), tables), encoding="utf-8")


def _with_tables(text: str, tables: Sequence[Table]) -> str:
    """Return the file with tables in the place of those of the same title, or at its end."""
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    for table in tables:
        part = table.markdown().removeprefix("## ")
        sections[part.partition("\n")[0]] = part
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    head = f"# Benchmarks\n\nWritten by `make bench` ({where}). The ratios within a table carry, not the times.\n"
    return head + "".join(f"\n## {part.strip()}\n" for part in sections.values())


if __name__ == "__main__":
    main(sys.argv[1:])
