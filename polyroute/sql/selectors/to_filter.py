"""The part of a selector that SQLite can decide over documents kept as JSON text, as SQL; the rest stays a selector.

Exactness rules here. What SQL can only narrow (the order of strings is not SQLite's, an array answers to `$in` by its
elements, patterns, `$elemMatch`) is given as SQL *and* stays in the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

from polyroute.sql.selectors.field_sql import SQL_FUNCTIONS, Bound, FieldSQL, Term, joined, json_path
from polyroute.sql.selectors.negation import normal_form
from polyroute.sql.selectors.tree import And, Field, Node, Or

# SQLite's own limits are a million characters and 32,766 parameters; the rest of a statement needs some too.
_MOST_CHARS = 500_000
_MOST_PARAMS = 20_000

__all__ = ["SQL_FUNCTIONS", "Bound", "Split", "json_path", "split_selector"]


@dataclass(frozen=True, slots=True)
class Split:
    """A selector in two: documents that pass `sql` (None: all do), with its bound `params`, and then `residual`
    (None: nothing is left) match it.
    """

    sql: str | None
    params: tuple[Bound, ...]
    residual: Node | None


def split_selector(node: Node, body: str = "body") -> Split:
    r"""Split a selector for SQLite; `body` is the SQL of the column with the JSON text.

    The text is to be written by `json.dumps(..., ensure_ascii=False)`.
    The connection needs JSON operators (SQLite 3.38) and every function of `SQL_FUNCTIONS`, deterministic, of one
    argument.

    >>> from polyroute.sql.selectors.parse import parse_selector
    >>> split_selector(parse_selector({"name": {"$exists": True}})).sql
    'json_type(body, \'$."name"\') IS NOT NULL'
    """
    terms: list[Term] = []
    left: list[Node] = []
    for part in _conjuncts(normal_form(node)):
        term = _render(part, body)
        if term is not None:
            terms.append(term)
        if term is None or not term.exact:
            left.append(part)
    residual = None if not left else left[0] if len(left) == 1 else And(tuple(left))
    if not terms:
        return Split(None, (), residual)
    whole = joined(terms, " AND ")
    if len(whole.sql) > _MOST_CHARS or len(whole.params) > _MOST_PARAMS:
        return Split(None, (), node)
    return Split(whole.sql, whole.params, residual)


def _conjuncts(node: Node) -> list[Node]:
    if isinstance(node, And):
        return [inner for part in node.parts for inner in _conjuncts(part)]
    return [node]


def _render(node: Node, body: str) -> Term | None:
    match node:
        case And(parts):
            return _render_and(parts, body)
        case Or(parts):
            return _render_or(parts, body)
        case Field(path, _):
            place = json_path(path)
            return None if place is None else FieldSQL(body, place, path).render(node)
        case _:
            raise AssertionError("the normal form has no other nodes")


def _render_and(parts: tuple[Node, ...], body: str) -> Term | None:
    if not parts:
        return Term("1")
    rendered = [_render(part, body) for part in parts]
    terms = [term for term in rendered if term is not None]
    if not terms:
        return None
    whole = joined(terms, " AND ")
    return whole if len(terms) == len(rendered) else Term(whole.sql, whole.params, exact=False)


def _render_or(parts: tuple[Node, ...], body: str) -> Term | None:
    if not parts:
        return Term("0")
    terms = []
    for part in parts:
        term = _render(part, body)
        if term is None:
            return None
        terms.append(term)
    return joined(terms, " OR ")
