"""A hundred thousand generated statements, each pushed down, plain, and in one DuckDB: how many differ.

They run in blocks, each in a world of its own, on two processes. A block that is done is remembered, under a digest of
the code it ran: a run that was stopped goes on where it was. `python -m benchmarks.generated --queries N` runs fewer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from benchmarks.table import Table
from tests.generated.runner import check
from tests.generated.runner import run as run_statements
from tests.generated.shrink import shrink
from tests.generated.world import world

QUERIES = 100_000
_BLOCK = 500
_PROCESSES = 2
_FIRST_SEED = 1_000_000
_ROOT = Path(__file__).parent.parent
_COUNTS = ("queries", "spanning", "with_rows", "refused")


def run(queries: int = QUERIES) -> list[Table]:
    """Run so many statements and return the tables of counts and of features."""
    done = _ROOT / ".stamp_generated" / _digest()
    done.mkdir(parents=True, exist_ok=True)
    blocks = [(number, min(_BLOCK, queries - number * _BLOCK)) for number in range(-(-queries // _BLOCK))]
    waiting = [b for b in blocks if not _file(done, *b).exists()]
    spawn = multiprocessing.get_context("spawn")
    with (
        tqdm(total=queries, initial=queries - sum(n for _, n in waiting), unit="query") as bar,
        ProcessPoolExecutor(_PROCESSES, mp_context=spawn) as pool,
    ):
        started = {pool.submit(_block, number, size, done): size for number, size in waiting}
        for future in as_completed(started):
            future.result()
            bar.update(started[future])
    return _tables(json.loads(_file(done, *b).read_text(encoding="utf-8")) for b in blocks)


def _digest() -> str:
    """Return what tells this code from other code."""
    found = hashlib.sha256()
    for folder in ("polyroute", "tests/generated"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _file(folder: Path, number: int, size: int) -> Path:
    return folder / f"{number}-{size}.json"


def _block(number: int, size: int, done: Path) -> None:
    """Run one block; four neighbours differ in whether keys always travel and whether merges move to the data."""
    first = _FIRST_SEED + number * _BLOCK
    with (
        tempfile.TemporaryDirectory() as folder,
        world(number, Path(folder), eager=number % 2 == 0, in_place=number % 4 < 2) as made,
    ):
        tally = run_statements(made, range(first, first + size), stop_after=size)
        failures = [str(shrink(failure, lambda query: check(made, query))) for failure in tally.failures[:3]]
    told = {name: getattr(tally, name) for name in _COUNTS}
    told |= {"features": dict(tally.features), "different": len(tally.failures), "failures": failures}
    target = _file(done, number, size)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(told), encoding="utf-8")
    part.replace(target)


def _tables(blocks: Iterable[dict[str, object]]) -> list[Table]:
    counts: Counter[str] = Counter()
    features: Counter[str] = Counter()
    failures: list[str] = []
    for block in blocks:
        counts.update({name: int(str(block[name])) for name in (*_COUNTS, "different")})
        features.update(block["features"])  # type: ignore[arg-type]
        failures += block["failures"]  # type: ignore[operator]
    for failure in failures:
        print(failure, "\n", flush=True)
    total = counts["queries"]
    rows = [
        ("statements", f"{total:,}", ""),
        ("different", f"{counts['different']:,}", "0"),
        ("span engines", _share(counts["spanning"], total), ">= 70 %"),
        ("return rows", _share(counts["with_rows"], total), ">= 60 %"),
        ("refused by all alike", _share(counts["refused"], total), ""),
        ("features", str(len(features)), ""),
        ("the rarest feature", _share(min(features.values()), total), ">= 1 %"),
    ]
    note = (
        "Seeded statements over eight engines; pushed down, plain and in one DuckDB (without its optimizer) must give "
        "equal rows and types, or the same error."
    )
    listed = ", ".join(f"{name} {count / total:.1%}" for name, count in features.most_common())
    return [
        Table("Generated statements", note, ("what", "measured", "goal"), rows),
        Table("Features of the generated statements", "How many statements have each.", ("features",), [(listed,)]),
    ]


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=QUERIES, help="how many statements to run")
    for table in run(parser.parse_args().queries):
        print(table.markdown(), "\n")
