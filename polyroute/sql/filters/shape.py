"""Keep the trees of filters shallow, so that every room may walk them recursively.

A program may well write a thousand conditions joined by OR. The parser makes of them a tree a thousand levels deep;
AND and OR are associative, with NULLs too, so the same conditions fit in ten levels.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from polyroute.errors import invalid

MAX_LEVELS = 120


def balanced(tree: exp.Expr) -> exp.Expr:
    """Copy a tree with its chains of AND and OR balanced, their order kept.

    >>> from polyroute.sql.dialect import parse_expression
    >>> balanced(parse_expression("a OR b OR c OR d")).this.sql()
    'a OR b'
    """
    return tree.transform(_balance, copy=True)


def check_depth(tree: exp.Expr) -> None:
    """Refuse, with QUERY_INVALID, a tree too deep to be walked recursively."""
    level: Sequence[exp.Expr] = [tree]
    for _ in range(MAX_LEVELS):
        level = [child for node in level for child in node.iter_expressions()]
        if not level:
            return
    raise invalid(
        f"the filter is nested more than {MAX_LEVELS} levels deep", hint="write it flatter; use IN for many values"
    )


def _balance(node: exp.Expr) -> exp.Expr:
    kind = type(node)
    if kind not in (exp.And, exp.Or) or type(node.parent) is kind:
        return node
    return _joined(_operands(node), kind)


def _operands(node: exp.Expr) -> list[exp.Expr]:
    kind = type(node)
    found: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if type(current) is kind:
            waiting += (current.args["expression"], current.args["this"])
        else:
            found.append(current.transform(_balance, copy=False))
    return found


def _joined(operands: Sequence[exp.Expr], kind: type[exp.Expr]) -> exp.Expr:
    if len(operands) == 1:
        return operands[0]
    middle = (len(operands) + 1) // 2
    return kind(this=_joined(operands[:middle], kind), expression=_joined(operands[middle:], kind))
