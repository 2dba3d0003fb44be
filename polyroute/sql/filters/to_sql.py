"""Write a filter as the SQL text and parameters of one engine.

DuckDB gets everything. Any other engine gets the nodes on its target's allow-list, and of them only comparisons whose
stored forms order as the logical values do; for the rest `Unsupported` is raised and the filter stays with polyroute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from polyroute.sql.dialect import Polyroute
from polyroute.sql.filters.comparison import Comparison, comparison
from polyroute.sql.filters.duckdb import DUCKDB
from polyroute.sql.filters.exact import exact_values
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.reference import Reference, reference
from polyroute.sql.filters.target import ListForm, SqlTarget
from polyroute.sql.filters.target import quote_double as quote_double
from polyroute.sql.filters.template import SHORT_LIST
from polyroute.sql.filters.typing import type_of

if TYPE_CHECKING:
    from typing import Any

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rendered:
    """SQL text with the parameters that go with it: a list for `?`, a dict for names."""

    text: str
    params: list[object] | dict[str, object]


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
    return filter_.once(target, start, lambda: _render(filter_, target, start))


def _render(filter_: Filter, target: SqlTarget, start: int) -> Rendered:
    signature = filter_.template.signature(filter_.values)
    key = (start, signature)
    written = None if signature is None else filter_.template.recall(target, key)
    if written is None:
        written = _write(filter_, target, start)
        if signature is not None and written.lasting:
            filter_.template.keep(target, key, written)
    if isinstance(written, _Refusal):
        raise Unsupported(written.reason)
    return _filled(cast("_Written", written), filter_.values, target)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a filter is not written for a target."""

    reason: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class _Use:
    """A parameter of a text: the value that it takes (its item, where it is one of a list), and what that is compared
    with; `whole` tells that it takes a list as one.
    """

    name: str
    value: str
    type: pa.DataType | None
    item: int | None = None
    whole: bool = False

    def param(self, values: Mapping[str, object], target: SqlTarget) -> object:
        """Return the parameter."""
        held: Any = values[self.value]
        if self.whole:
            return _list_form(held, self.type, target).param  # type: ignore[union-attr]
        if self.item is not None:
            held = held[self.item]
        return target.encode(list(held) if isinstance(held, tuple) else held, self.type)


@dataclass(frozen=True, slots=True)
class _Written:
    """A text and the parameters that it takes; `lasting` tells that it serves all values of one signature."""

    text: str
    uses: tuple[_Use, ...]
    lasting: bool


def _write(filter_: Filter, target: SqlTarget, start: int) -> _Written | _Refusal:
    try:
        if target.nodes is not None:
            _admit(filter_.expression, filter_, target)
        return _Writer(filter_, target, start).write()
    except Unsupported as refusal:
        return _Refusal(str(refusal))


def _filled(written: _Written, values: Mapping[str, object], target: SqlTarget) -> Rendered:
    params = [use.param(values, target) for use in written.uses]
    if target.placeholder == "qmark":
        return Rendered(written.text, params)
    return Rendered(written.text, dict(zip((use.name for use in written.uses), params, strict=True)))


def _list_form(values: object, type_: pa.DataType | None, target: SqlTarget) -> ListForm | None:
    """Return a list as one parameter, where it is long and the target takes it so."""
    if not isinstance(values, InList) or len(values) <= SHORT_LIST or type_ is None:
        return None
    return target.lists(values, type_) if exact_values(type_, values) else None


class _Writer:
    """Rewrite a copy of a filter's tree for a target, collecting the parameters."""

    def __init__(self, filter_: Filter, target: SqlTarget, start: int) -> None:
        self.filter = filter_
        self.target = target
        self.start = start
        self.uses: list[_Use] = []
        self.lasting = True

    def write(self) -> _Written:
        tree = self._rewritten(self.filter.expression, None)
        if self.target.max_params is not None and len(self.uses) > self.target.max_params:
            raise Unsupported("more parameters than the engine takes")
        text = _dialect(self.target.dialect).generate(tree, copy=False, comments=False)
        return _Written(text, tuple(self.uses), self.lasting)

    def _rewritten(self, node: exp.Expr, type_: pa.DataType | None) -> exp.Expr:
        """Copy a tree; `type_` is what the values directly below are compared with."""
        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.Placeholder):
            if self.filter.values[node.name] is None:
                return exp.null()
            return self._placeholder(node.name, type_)
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
        name = node.args["field"].name
        values = self.filter.values[name]
        subject = self._rewritten(node.this, None)
        type_ = type_of(node.this, self.filter.schema)
        form = _list_form(values, type_, self.target)
        if form is not None:
            mark = self._placeholder(name, type_, whole=True).sql(_dialect(self.target.dialect))
            return exp.In(this=subject, field=exp.Var(this=form.text.format(mark)))
        if not values or not isinstance(values, tuple):
            # unknown for NULL, else false; some engines would say false for NULL too
            return exp.Paren(this=exp.And(this=exp.Is(this=subject, expression=exp.null()), expression=exp.null()))
        self.lasting = self.lasting and len(values) <= SHORT_LIST
        items = [
            exp.null() if value is None else self._placeholder(name, type_, item=place)
            for place, value in enumerate(values)
        ]
        return exp.In(this=subject, expressions=items)

    def _column(self, node: exp.Column) -> exp.Expr:
        column: exp.Expr = exp.Var(this=self.target.quote(node.name))
        if self.target.collate(self.filter.schema.field(node.name)):
            column = exp.Collate(this=column, expression=exp.Var(this="BINARY"))
        # parentheses keep "a"."b" a field of column a, whatever the tables are called
        return exp.Paren(this=column) if isinstance(node.parent, exp.Dot) else column

    def _placeholder(
        self, value: str, type_: pa.DataType | None, *, item: int | None = None, whole: bool = False
    ) -> exp.Expr:
        name = f"p{self.start + len(self.uses)}"
        self.uses.append(_Use(name, value, type_, item, whole))
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
