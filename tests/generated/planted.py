"""Planner faults that other planners shipped, each planted into ours by changing one function of it.

A fault that no generated statement notices would mean that the generator or the comparison is blind there. `features`
are those that a statement must have for the fault to show: the others are not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from sqlglot import exp

from polyroute.engines import Call
from polyroute.operations import Operation, Scan
from polyroute.plan import Fragment
from polyroute.router.federation import columns, edges, implied, joins, planner, reductions, runner, scopes, sharing

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name, the features of which a statement needs one, and what plants it."""

    name: str
    features: frozenset[str]
    plant: Plant


FAULTS: dict[str, Fault] = {}


def fault(name: str, *features: str) -> Callable[[Plant], Plant]:
    """Register a fault."""

    def register(plant: Plant) -> Plant:
        FAULTS[name] = Fault(name, frozenset(features), plant)
        return plant

    return register


@fault("a lost residual", "where")
def _lost_residual(patch: pytest.MonkeyPatch) -> None:
    """What was considered for pushing is no longer applied above, whether an engine took it or not."""
    found = reductions.find_reductions

    def losing(tree_scopes: scopes.Scopes) -> implied.Reductions:
        answer = found(tree_scopes)
        for block in tree_scopes.blocks:
            block.select.set("where", None)
        return answer

    patch.setattr(planner, "find_reductions", losing)


@fault("a limit below a filter", "limit")
def _limit_below_filter(patch: pytest.MonkeyPatch) -> None:
    """The LIMIT of the statement cuts the scans beneath its filters."""
    run = runner.Run._run

    def cut(self: runner.Run, op: Operation, fragment: Fragment, call: Call) -> pa.Table:
        limits = re.findall(r"LIMIT (\d+)", self._plan.residual or "")
        if limits and isinstance(op, Scan):
            op = replace(op, limit=max(map(int, limits)))
        return run(self, op, fragment, call)

    patch.setattr(runner.Run, "_run", cut)


@fault("a filter that NULL passes pushed below the nullable side of an outer join", "left join", "full join")
def _no_null_rejection(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(joins, "rejects_null", lambda tree: True)


@fault("a filter pushed below a window, a DISTINCT ON, a LIMIT", "derived table", "filter above a query", "cte")
def _below_cuts(patch: pytest.MonkeyPatch) -> None:
    for module in (reductions, edges):
        patch.setattr(module, "passes_filters", lambda block: True)


@fault("an ON condition of an outer join pushed to its preserved side", "filter in on of left join")
def _preserved_side(patch: pytest.MonkeyPatch) -> None:
    may = reductions.may_reduce

    def always_on(block: scopes.Block, source: scopes.Source, tree: exp.Expr, at: int | None) -> bool:
        return at is not None or may(block, source, tree, at)

    patch.setattr(reductions, "may_reduce", always_on)


@fault("keys bound to the preserved side of an outer join", "left join", "right join", "full join", "anti join")
def _keys_of_wrong_side(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edges, "may_take_keys", lambda block, target, at: True)


@fault("NOT IN bound like IN", "not in subquery")
def _not_in_as_in(patch: pytest.MonkeyPatch) -> None:
    consider = reductions._consider

    def confused(
        tree_scopes: scopes.Scopes,
        block: scopes.Block,
        placed: implied.Placed,
        found: implied.Reductions,
    ) -> None:
        inner = placed.tree.this if isinstance(placed.tree, exp.Not) else placed.tree
        if isinstance(inner, exp.In) and inner.args.get("query") is not None:
            placed = replace(placed, tree=inner)
        consider(tree_scopes, block, placed, found)

    patch.setattr(reductions, "_consider", confused)


@fault("a column pruned that a star reads", "star", "exclude", "replace", "columns", "qualified star")
def _pruned_under_star(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(columns, "_under_stars", lambda tree, nodes: set())


@fault("the filter of one use of a common table expression applied to both", "cte used twice")
def _filter_of_one_use(patch: pytest.MonkeyPatch) -> None:
    derived = scopes.Scopes._derived

    def once(
        self: scopes.Scopes, alias: str, body: exp.Expr, join: exp.Join | None, *, once: bool, sampled: bool
    ) -> scopes.Source:
        return derived(self, alias, body, join, once=True, sampled=sampled)

    patch.setattr(scopes.Scopes, "_derived", once)


@fault("a key list cut at the cap", "inner join", "semi join", "in subquery")
def _keys_cut(patch: pytest.MonkeyPatch) -> None:
    keys = runner.Run._keys

    def cut(self: runner.Run, *arguments: object) -> list[runner.Keys]:
        return [replace(k, values=k.values[:3]) for k in keys(self, *arguments)]  # type: ignore[arg-type]

    patch.setattr(runner.Run, "_keys", cut)


@fault("two uses of a dataset fetched under the conditions of one", "dataset twice")
def _conditions_of_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sharing, "_any_of", lambda scans: scans[0].conditions)


@fault("the right side of an ASOF join reduced", "filter above an asof join")
def _asof_reduced(patch: pytest.MonkeyPatch) -> None:
    may = reductions.may_reduce

    def whatever(block: scopes.Block, source: scopes.Source, tree: exp.Expr, at: int | None) -> bool:
        return source.method == "ASOF" or may(block, source, tree, at)

    patch.setattr(reductions, "may_reduce", whatever)
