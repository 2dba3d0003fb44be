"""Filling the demo's engines from the data packages, once; every later start finds them filled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from polyroute.demo import screen
from polyroute.demo.data import DemoDataset, datasets

if TYPE_CHECKING:
    from polyroute.demo.folder import DemoFolder
    from polyroute.router import DatabaseCoordinator


def fill(db: DatabaseCoordinator, folder: DemoFolder, *, reload: bool = False) -> None:
    """Load every dataset into its engines, or tell what was loaded before.

    `reload` loads again what is there already.
    """
    wanted = datasets(folder.days)
    known = None if reload else folder.loaded()
    if not {d.name for d in wanted} <= db.datasets.keys():
        known = None
    rows: dict[str, int] = {}
    for dataset in wanted:
        started = time.perf_counter()
        if known is None:
            rows[dataset.name] = _load(db, dataset)
            took = f"{time.perf_counter() - started:.2f} s"
        else:
            rows[dataset.name] = known[dataset.name]
            # the last run closed an engine under the router, so nobody can tell whether its copy is still one
            db.refresh(dataset.name, show_progress=False)
            took = "reused"
        engines = ", ".join(dataset.engines)
        screen.say(f"  {dataset.name:<10}{engines:<11}{rows[dataset.name]:>8,} rows {took:>8}  {dataset.about}")
    if known is None:
        folder.mark_loaded(rows)


def _load(db: DatabaseCoordinator, dataset: DemoDataset) -> int:
    nodes = None if dataset.nodes is None else dataset.nodes()
    report = db.load(
        dataset.name, dataset.build(), engine=dataset.engines, mode="replace", nodes=nodes, **dataset.roles
    )
    return report.rows
