"""Make a failing statement small: leave out what it fails without.

Greedy: of all statements that are one cut smaller, take the first that fails in the same way, and go on from there.
A cut never leaves a LIMIT or a DISTINCT ON without the order that decides it, so what is left is still a statement of
one meaning; a cut that makes nonsense is refused by every form alike, which is no failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlglot import exp

from polyroute.sql.dialect import parse_statement, render
from tests.generated.draft import Generated
from tests.generated.runner import Failure

Check = Callable[[Generated], "Failure | None"]

_MOST_CHECKS = 400
_CLAUSES = ("where", "having", "qualify")


def shrink(failure: Failure, check: Check, *, most_checks: int = _MOST_CHECKS) -> Failure:
    """Return a failure of the same sort that is as small as cuts make it."""
    smallest = failure
    left = most_checks
    progress = True
    while progress and left > 0:
        progress = False
        for query in smaller(smallest.query):
            left -= 1
            found = check(query)
            if found is not None and found.sort == failure.sort:
                smallest, progress = found, True
                break
            if left <= 0:
                break
    return smallest


def smaller(query: Generated) -> Iterator[Generated]:
    """Give the statements that are one cut smaller, the boldest cuts first."""
    tree = parse_statement(query.template)
    for cut in _cuts(tree):
        ordered = query.ordered and cut.args.get("order") is not None and cut.args.get("order") == tree.args["order"]
        template = render(cut)
        if len(template) < len(query.template):
            yield replace(query, template=template, ordered=ordered, datasets=query.datasets)


def _cuts(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from _parts(tree)
    yield from _edited(tree, exp.Select, _without_joins)
    yield from _edited(tree, exp.Select, _without_clauses)
    yield from _edited(tree, exp.Query, _without_end)
    yield from _edited(tree, exp.With, _without_ctes)
    yield from _edited(tree, exp.Subquery, _inner_tables)
    yield from _edited(tree, exp.Select, _without_items)
    yield from _edited(tree, exp.Join, _without_conditions)
    yield from _edited(tree, exp.Expr, _simpler)


def _parts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give the queries inside a query, each with the common table expressions around it."""
    with_ = tree.args.get("with_")
    for part in tree.find_all(exp.Select, exp.SetOperation):
        if part is not tree:
            copied = part.copy()
            if with_ is not None and part.args.get("with_") is None and part.find_ancestor(exp.CTE) is None:
                copied.set("with_", with_.copy())
            yield copied


def _edited(
    tree: exp.Expr, kind: type[exp.Expr], edits: Callable[[exp.Expr], Iterator[Callable[[exp.Expr], None]]]
) -> Iterator[exp.Expr]:
    """Give a copy of the tree for every edit of every node of a kind."""
    for position, node in enumerate(tree.find_all(kind)):
        for edit in edits(node):
            copied = tree.copy()
            edit(list(copied.find_all(kind))[position])
            yield copied


Edit = Callable[[exp.Expr], None]


def _without_joins(node: exp.Expr) -> Iterator[Edit]:
    for position in range(len(node.args.get("joins") or [])):

        def drop(copy: exp.Expr, position: int = position) -> None:
            del copy.args["joins"][position]

        yield drop


def _without_clauses(node: exp.Expr) -> Iterator[Edit]:
    for clause in _CLAUSES:
        if node.args.get(clause) is not None:
            yield lambda copy, clause=clause: copy.set(clause, None)  # type: ignore[misc]
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is None:
        yield lambda copy: copy.set("distinct", None)


def _without_end(node: exp.Expr) -> Iterator[Edit]:
    """Take the order away with all that it decides."""
    if not any(node.args.get(clause) for clause in ("order", "limit", "offset")):
        return

    def drop(copy: exp.Expr) -> None:
        for clause in ("order", "limit", "offset"):
            copy.set(clause, None)
        distinct = copy.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            copy.set("distinct", None)

    yield drop
    if node.args.get("offset") is not None:
        yield lambda copy: copy.set("offset", None)


def _without_ctes(node: exp.Expr) -> Iterator[Edit]:
    for position in range(len(node.expressions)):

        def drop(copy: exp.Expr, position: int = position) -> None:
            if len(copy.expressions) == 1:
                copy.pop()
            else:
                del copy.expressions[position]

        yield drop


def _inner_tables(node: exp.Expr) -> Iterator[Edit]:
    """Put the first table of a derived table in its place."""
    inner = node.this
    from_ = inner.args.get("from_") if isinstance(inner, exp.Select) else None
    if from_ is None or node.find_ancestor(exp.From, exp.Join) is None or not node.alias:
        return

    def replace_it(copy: exp.Expr) -> None:
        table = copy.this.args["from_"].this.copy()
        table.set("alias", copy.args["alias"].copy())
        copy.replace(table)

    yield replace_it


def _without_items(node: exp.Expr) -> Iterator[Edit]:
    if len(node.expressions) < 2 or node.args.get("order") is not None:
        return
    for position in range(len(node.expressions)):

        def drop(copy: exp.Expr, position: int = position) -> None:
            del copy.expressions[position]

        yield drop


def _without_conditions(node: exp.Expr) -> Iterator[Edit]:
    on = node.args.get("on")
    if isinstance(on, exp.And):
        yield lambda copy: copy.set("on", copy.args["on"].this)
        yield lambda copy: copy.set("on", copy.args["on"].expression)


def _simpler(node: exp.Expr) -> Iterator[Edit]:
    """Replace an expression by a part of it."""
    if isinstance(node, exp.And | exp.Or):
        yield lambda copy: copy.replace(copy.this.copy())
        yield lambda copy: copy.replace(copy.expression.copy())
    elif isinstance(node, exp.Not | exp.Paren | exp.Coalesce | exp.Nullif | exp.Lower | exp.Upper):
        yield lambda copy: copy.replace(copy.this.copy())
    elif isinstance(node, exp.Case):
        yield lambda copy: copy.replace(copy.args["ifs"][0].args["true"].copy())
