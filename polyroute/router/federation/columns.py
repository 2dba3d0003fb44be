"""Prune columns: which columns of each input a statement may read.

The set is a superset, made from names alone and not from scopes: a bare name is wanted of every input that has such a
column, `alias.name` of the inputs called so. Stars, whole rows, NATURAL joins and PIVOT want everything of what they
stand over. A column that is missing in spite of it makes the residual fail, never answer otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from sqlglot import exp

from polyroute.router.federation.scopes import INPUT

_WHOLE = (exp.Pivot, exp.Summarize, exp.Describe, exp.PositionalColumn)


def wanted_columns(tree: exp.Expr, inputs: Mapping[str, Mapping[str, str] | None]) -> dict[str, frozenset[str] | None]:
    """Return the columns that may be read of each input, as stored; None means all of them."""
    nodes = _nodes(tree)
    if tree.find(*_WHOLE) is not None:
        return dict.fromkeys(inputs)
    bare, qualified, whole = _names(tree, frozenset(_alias(node) for held in nodes.values() for node in held))
    whole |= _under_stars(tree, nodes)
    wanted: dict[str, frozenset[str] | None] = {}
    for name, columns in inputs.items():
        called = {_alias(node) for node in nodes.get(name, ())}
        if columns is None or name in whole or called & whole or any(_renamed(n) for n in nodes.get(name, ())):
            wanted[name] = None
            continue
        asked = bare.union(*(qualified[alias] for alias in called))
        wanted[name] = frozenset(stored for folded, stored in columns.items() if folded in asked)
    return wanted


def _nodes(tree: exp.Expr) -> dict[str, list[exp.Expr]]:
    found: dict[str, list[exp.Expr]] = defaultdict(list)
    for node in tree.find_all(exp.Table, exp.Lateral):
        if INPUT in node.meta:
            found[node.meta[INPUT]].append(node)
    return found


def _alias(node: exp.Expr) -> str:
    return str(node.alias_or_name).lower()


def _renamed(node: exp.Expr) -> bool:
    alias = node.args.get("alias")
    return alias is not None and bool(alias.args.get("columns"))


def _names(tree: exp.Expr, aliases: frozenset[str]) -> tuple[set[str], dict[str, set[str]], set[str]]:
    """Return the bare names, the names by qualifier, and the aliases that are read as whole rows."""
    bare: set[str] = set()
    qualified: dict[str, set[str]] = defaultdict(set)
    whole: set[str] = set()
    for column in tree.find_all(exp.Column):
        parts = [part.name.lower() for part in column.parts]
        if parts[0] in aliases and (len(parts) == 1 or parts[-1] == "*"):
            whole.add(parts[0])
        bare.add(parts[0])
        for qualifier, name in pairwise(parts):
            if qualifier in aliases:
                qualified[qualifier].add(name)
    for join in tree.find_all(exp.Join):
        bare.update(name.name.lower() for name in join.args.get("using") or [])
    return bare, qualified, whole


def _under_stars(tree: exp.Expr, nodes: Mapping[str, list[exp.Expr]]) -> set[str]:
    """Return the inputs that a star or a NATURAL join reads whole."""
    whole: set[str] = set()
    over: dict[int, set[str]] = defaultdict(set)
    for name, held in nodes.items():
        for node in held:
            select = node.find_ancestor(exp.Select)
            if select is None:
                whole.add(name)
            over[id(select)].add(name)
    for star in tree.find_all(exp.Star, exp.Columns):
        if not isinstance(star.parent, exp.Count):
            whole |= over[id(star.find_ancestor(exp.Select))]
    for join in tree.find_all(exp.Join):
        if str(join.method or "").upper() == "NATURAL":
            whole |= over[id(join.find_ancestor(exp.Select))]
    return whole
