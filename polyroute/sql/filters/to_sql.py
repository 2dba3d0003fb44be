"""Write a filter as the SQL text and parameters of one engine.

DuckDB gets everything. Any other engine gets the nodes on its target's allow-list, and of them only comparisons whose
stored forms order as the logical values do; for the rest `Unsupported` is raised and the filter stays with polyroute.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from polyroute.sql.dialect import Polyroute
from polyroute.sql.filters.comparison import Comparison, comparison
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.reference import Reference, reference
from polyroute.sql.filters.typing import type_of

if TYPE_CHECKING:
    import pyarrow as pa


def quote_double(name: str) -> str:
    """Quote an identifier as the SQL standard does.

    >>> print(quote_double('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def _as_is(value: object, type_: pa.DataType | None) -> object:
    return value


def _for_duckdb(value: object, type_: pa.DataType | None) -> object:
    # DuckDB compares TIMESTAMPTZ_NS with no other zoned timestamp, but reads one from a text
    finest = isinstance(value, dt.datetime) and str(type_).startswith("timestamp[ns, tz=")
    return str(value) if finest else value


def _always(field: pa.Field) -> bool:
    return True


def _never(field: pa.Field) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class SqlTarget:
    """Describe the SQL that one engine takes; adapt a ready one with `dataclasses.replace`.

    Attributes:
        dialect: the name of the engine's dialect in sqlglot.
        placeholder: `named` ($p1, and a dict of parameters) or `qmark` (?, and a list).
        nodes: the node types that mean in the engine what they mean in DuckDB; None for every one.
        quote: quotes a root column, and may put a table's alias before it.
        encode: gives the stored form of a value compared with a type; raises `Unsupported` where there is none.
        comparable: tells whether a column's stored form compares as its logical type does.
        collate: tells whether a text column must be told to compare by bytes (COLLATE BINARY).
        max_params: how many parameters the engine takes.
    """

    dialect: str
    placeholder: Literal["named", "qmark"] = "qmark"
    nodes: frozenset[type[exp.Expr]] | None = None
    quote: Callable[[str], str] = quote_double
    encode: Callable[[object, pa.DataType | None], object] = field(default=_as_is)
    comparable: Callable[[pa.Field], bool] = field(default=_always)
    collate: Callable[[pa.Field], bool] = field(default=_never)
    max_params: int | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """SQL text with the parameters that go with it: a list for `?`, a dict for names."""

    text: str
    params: list[object] | dict[str, object]


DUCKDB = SqlTarget("duckdb", "named", encode=_for_duckdb)
"""DuckDB itself, which takes every filter."""


def to_sql(filter_: Filter, target: SqlTarget = DUCKDB, *, start: int = 1) -> Rendered:
    """Write a filter for an engine.

    Args:
        filter_: the filter.
        target: the engine's SQL.
        start: the number of the first named parameter, so that several texts can share one statement.

    Raises:
        Unsupported: when the engine would not give exactly DuckDB's rows.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import parse_filter
    >>> to_sql(parse_filter("a > 1", pa.schema({"a": pa.int64()})))
    Rendered(text='"a" > $p1', params={'p1': 1})
    """
    if target.nodes is not None:
        _admit(filter_.expression, filter_, target)
    return _Writer(filter_, target, start).write()


class _Writer:
    """Rewrite a copy of a filter's tree for a target, collecting the parameters."""

    def __init__(self, filter_: Filter, target: SqlTarget, start: int) -> None:
        self.filter = filter_
        self.target = target
        self.start = start
        self.params: dict[str, object] = {}

    def write(self) -> Rendered:
        tree = self._rewritten(self.filter.expression, None)
        if self.target.max_params is not None and len(self.params) > self.target.max_params:
            raise Unsupported("more parameters than the engine takes")
        text = _dialect(self.target.dialect).generate(tree, copy=False, comments=False)
        named = self.target.placeholder == "named"
        return Rendered(text, self.params if named else list(self.params.values()))

    def _rewritten(self, node: exp.Expr, type_: pa.DataType | None) -> exp.Expr:
        """Copy a tree; `type_` is what the values directly below are compared with."""
        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.Placeholder):
            return self._bound(self.filter.values[node.name], type_)
        if isinstance(node, exp.In) and isinstance(node.args.get("field"), exp.Placeholder):
            return self._in(node)
        inner = _compared_type(node, self.filter) or (type_ if isinstance(node, exp.Paren) else None)
        copy = node.__class__()
        for name, part in node.args.items():
            copy.set(name, self._part(part, inner))
        return copy

    def _part(self, part: object, type_: pa.DataType | None) -> object:
        if isinstance(part, exp.Expr):
            return self._rewritten(part, type_)
        return [self._part(item, type_) for item in part] if isinstance(part, list) else part

    def _in(self, node: exp.In) -> exp.Expr:
        values = self.filter.values[node.args["field"].name]
        subject = self._rewritten(node.this, None)
        type_ = type_of(node.this, self.filter.schema)
        items = [self._bound(value, type_) for value in values] if isinstance(values, tuple) else []
        if not items:  # unknown for NULL, else false; some engines would say false for NULL too
            return exp.Paren(this=exp.And(this=exp.Is(this=subject, expression=exp.null()), expression=exp.null()))
        return exp.In(this=subject, expressions=items)

    def _column(self, node: exp.Column) -> exp.Expr:
        column: exp.Expr = exp.Var(this=self.target.quote(node.name))
        if self.target.collate(self.filter.schema.field(node.name)):
            column = exp.Collate(this=column, expression=exp.Var(this="BINARY"))
        # parentheses keep "a"."b" a field of column a, whatever the tables are called
        return exp.Paren(this=column) if isinstance(node.parent, exp.Dot) else column

    def _bound(self, value: object, type_: pa.DataType | None) -> exp.Expr:
        if isinstance(value, tuple):
            value = list(value)
        if value is None:
            return exp.null()
        name = f"p{self.start + len(self.params)}"
        self.params[name] = self.target.encode(value, type_)
        return exp.Placeholder(this=name if self.target.placeholder == "named" else None)


def _compared_type(node: exp.Expr, filter_: Filter) -> pa.DataType | None:
    if not isinstance(node, exp.Predicate):
        return None
    sides = (node.args.get(side) for side in ("this", "expression"))
    types = (type_of(side, filter_.schema) for side in sides if isinstance(side, exp.Expr))
    return next((type_ for type_ in types if type_ is not None), None)


@cache
def _dialect(name: str) -> Dialect:
    return Polyroute() if name == "duckdb" else Dialect.get_or_raise(name)


def _admit(node: exp.Expr, filter_: Filter, target: SqlTarget) -> None:
    """Refuse what the target's engine would compute otherwise."""
    if target.nodes is not None and type(node) not in target.nodes:
        raise Unsupported(f"{node.key} is not on the list of what {target.dialect} does exactly")
    found = comparison(node, filter_)
    if found is not None:
        subjects = [found.subject]
        if isinstance(found, Comparison) and found.other is not None:
            _same_type(found)
            subjects.append(found.other)
        for subject in subjects:
            _admit_reference(reference(subject, filter_.schema), filter_, target)
        return
    if isinstance(node, exp.Is):
        _admit_is(node, filter_, target)
        return
    if isinstance(node, exp.Column):
        _admit_truth(node, filter_, target)
        return
    for child in node.iter_expressions():
        _admit(child, filter_, target)


def _admit_is(node: exp.Is, filter_: Filter, target: SqlTarget) -> None:
    if isinstance(node.expression, exp.Null):
        found = reference(node.this, filter_.schema)
        if found is None or found.path:
            raise Unsupported("IS NULL of something computed or nested")
    elif isinstance(node.expression, exp.Boolean):
        _admit(node.this, filter_, target)
    else:
        raise Unsupported("an unusual IS")


def _admit_truth(node: exp.Column, filter_: Filter, target: SqlTarget) -> None:
    found = reference(node, filter_.schema)
    _admit_reference(found, filter_, target)
    if found is None or str(found.type) != "bool":
        raise Unsupported("a condition that is not a boolean")


def _admit_reference(found: Reference | None, filter_: Filter, target: SqlTarget) -> None:
    if found is None or found.path:
        raise Unsupported("a computed or nested value")
    if not target.comparable(filter_.schema.field(found.column)):
        raise Unsupported(f"column {found.column!r} is stored in a form that does not compare as its type")


def _same_type(found: Comparison) -> None:
    if found.type != found.other_type:
        raise Unsupported("columns of two types against each other")
