"""The canonical form of a filter: one text for all writings of a condition that pass the same rows.

AND and OR are flattened, sorted and rid of repetitions; comparisons point one way; NOT is pushed down to them;
`BETWEEN` is its two comparisons, an IN list a set, `x = 1` a set of one and `x = 1 OR x = 2` a set of two; TRUE and
FALSE go where they decide nothing. Every step is exact in three-valued logic and under DuckDB's order, in which NaN is
a value like others. What is not known here stays as it is written. Steps that would change the type in which values are
compared (a FLOAT column beside DOUBLE bounds, say) are left undone.

The form of a tree is worked out once and remembered; filling in the values of a call costs a few microseconds.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from polyroute.optimizer.cache.values import exact
from polyroute.sql.dialect import render
from polyroute.sql.filters import Filter

Values = Mapping[str, object]

_REMEMBERED = 512

_FLIPPED: dict[type[exp.Expr], tuple[str, bool]] = {
    # the sign, and whether the sides change places
    exp.LT: ("<", False),
    exp.LTE: ("<=", False),
    exp.GT: ("<", True),
    exp.GTE: ("<=", True),
}
_SYMMETRIC: dict[type[exp.Expr], tuple[str, str]] = {
    # the sign, and that of its negation
    exp.EQ: ("=", "<>"),
    exp.NEQ: ("<>", "="),
    exp.NullSafeEQ: ("is", "is not"),
    exp.NullSafeNEQ: ("is not", "is"),
}
_MANY = (exp.Any, exp.All, exp.Tuple)


class _Form(Protocol):
    """A part of a filter whose values are still to come."""

    def fill(self, values: Values) -> str:
        """Return the canonical text with the values of one call."""


@dataclass(frozen=True, slots=True)
class _Text:
    """What is left as it is written; its placeholders are numbered as they come.

    Texts of SQL and names are quoted as values are, so that no two forms can run into one another.
    """

    text: str
    names: tuple[str, ...] = ()

    def fill(self, values: Values) -> str:
        if not self.names:
            return self.text
        return f"{self.text}[{','.join(exact(values[name]) for name in self.names)}]"


@dataclass(frozen=True, slots=True)
class _Value:
    """One placeholder."""

    name: str

    def fill(self, values: Values) -> str:
        return exact(values[self.name])


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two sides of a sign; sorted where it does not matter which comes first."""

    sign: str
    left: _Form
    right: _Form
    symmetric: bool

    def fill(self, values: Values) -> str:
        left, right = self.left.fill(values), self.right.fill(values)
        if self.symmetric and right < left:
            left, right = right, left
        return f"({left} {self.sign} {right})"


@dataclass(frozen=True, slots=True)
class _Not:
    """The negation of what cannot be negated by another sign."""

    part: _Form

    def fill(self, values: Values) -> str:
        return f"not({self.part.fill(values)})"


@dataclass(frozen=True, slots=True)
class _Member:
    """A column that equals one of some values, or none of them; `whole` names the placeholder of a list."""

    column: str
    type: pa.DataType
    names: tuple[str, ...]
    listed: bool
    negated: bool

    def members(self, values: Values) -> frozenset[str] | None:
        """Return the values as a set, or None where comparing them one by one may be another comparison."""
        found: list[object] = []
        for name in self.names:
            value = values[name]
            if isinstance(value, tuple):
                found += value
            else:
                found.append(value)
        if not found or not all(_of_type(value, self.type) for value in found):
            return None
        return frozenset(map(exact, found))

    def fill(self, values: Values) -> str:
        found = self.members(values)
        if found is not None:
            return _set_text(self.column, self.negated, found)
        parts = sorted(_unordered(values[name]) for name in self.names)
        return f"({self.column} {'<>' if self.negated else '='} {'list' if self.listed else ''}{','.join(parts)})"


@dataclass(frozen=True, slots=True)
class _Range:
    """BETWEEN two placeholders, which is two comparisons where the values are of the column's own type."""

    column: str
    type: pa.DataType
    low: str
    high: str
    negated: bool

    def conditions(self, values: Values) -> tuple[str, set[str]]:
        """Return the comparisons and the word that joins them, or one text where they may not be taken apart."""
        low, high = values[self.low], values[self.high]
        if not (_of_type(low, self.type) and _of_type(high, self.type)):
            return "", {f"({'not ' if self.negated else ''}between {self.column} {exact(low)} {exact(high)})"}
        if self.negated:
            return "or", {f"({self.column} < {exact(low)})", f"({exact(high)} < {self.column})"}
        return "and", {f"({exact(low)} <= {self.column})", f"({self.column} <= {exact(high)})"}

    def fill(self, values: Values) -> str:
        word, texts = self.conditions(values)
        return _joined(word, texts)


@dataclass(frozen=True, slots=True)
class _Junction:
    """AND or OR over any number of parts; equal columns' sets are united where the junction means that."""

    word: str
    parts: tuple[_Form, ...]

    def fill(self, values: Values) -> str:
        texts: set[str] = set()
        sets: dict[str, frozenset[str]] = {}
        for part in self.parts:
            # x = 1 OR x = 2 is one set, and so is x <> 1 AND x <> 2
            if isinstance(part, _Member) and part.negated == (self.word == "and"):
                found = part.members(values)
                if found is not None:
                    sets[part.column] = sets.get(part.column, frozenset()) | found
                    continue
            if isinstance(part, _Range):
                word, conditions = part.conditions(values)
                texts.update(conditions if word == self.word else (_joined(word, conditions),))
            else:
                texts.add(part.fill(values))
        texts.update(_set_text(column, self.word == "and", found) for column, found in sets.items())
        return _joined(self.word, texts)


_forms: OrderedDict[int, tuple[exp.Expr, pa.Schema, _Form]] = OrderedDict()
_lock = threading.Lock()


def canonical_filter(filter_: Filter) -> str:
    """Return a text that filters share which pass the same rows, as far as the rules above see it.

    >>> from polyroute.sql.filters import parse_filter
    >>> schema = pa.schema({"a": pa.int64(), "b": pa.string()})
    >>> one = parse_filter("b IN ('x', 'y') AND a BETWEEN 1 AND $top", schema, {"top": 5})
    >>> two = parse_filter("NOT (5 < A OR a < 1) AND (b = 'y' OR b = 'x')", schema)
    >>> canonical_filter(one) == canonical_filter(two)
    True
    """
    tree, schema = filter_.expression, filter_.schema
    with _lock:
        held = _forms.get(id(tree))
        if held is not None:
            _forms.move_to_end(id(tree))
    if held is not None and held[1] is schema:
        return held[2].fill(filter_.values)
    form = _form(tree, schema, negated=False)
    with _lock:
        _forms[id(tree)] = (tree, schema, form)  # holding the tree keeps its id from being given to another
        while len(_forms) > _REMEMBERED:
            _forms.popitem(last=False)
    return form.fill(filter_.values)


def _form(node: exp.Expr, schema: pa.Schema, *, negated: bool) -> _Form:
    node = node.unnest()
    if isinstance(node, exp.Not):
        return _form(node.this, schema, negated=not negated)
    if isinstance(node, exp.And | exp.Or):
        return _junction(node, schema, negated=negated)
    found = _comparison(node, schema, negated=negated)
    if found is not None:
        return found
    if isinstance(node, exp.Boolean):
        return _Text("TRUE" if bool(node.this) != negated else "FALSE")
    return _Not(_text(node)) if negated else _text(node)


def _junction(node: exp.Expr, schema: pa.Schema, *, negated: bool) -> _Form:
    word = "and" if isinstance(node, exp.And) != negated else "or"
    neutral = _Text("TRUE" if word == "and" else "FALSE")
    parts: list[_Form] = []
    for side in (node.this, node.expression):
        form = _form(side, schema, negated=negated)
        parts += form.parts if isinstance(form, _Junction) and form.word == word else (form,)
    decisive = tuple(part for part in parts if part != neutral)
    if len(decisive) > 1:
        return _Junction(word, decisive)
    return decisive[0] if decisive else neutral


def _comparison(node: exp.Expr, schema: pa.Schema, *, negated: bool) -> _Form | None:
    kind = type(node)
    if any(isinstance(side, _MANY) for side in (node.args.get("this"), node.args.get("expression"))):
        return None  # NOT x = ANY(y) is not x <> ANY(y)
    if kind in _FLIPPED:
        sign, flipped = _FLIPPED[kind]
        left, right = _operand(node.this), _operand(node.expression)
        if flipped != negated:
            left, right = right, left
        if negated:  # NOT a < b is b <= a
            sign = "<=" if sign == "<" else "<"
        return _Pair(sign, left, right, symmetric=False)
    if kind in _SYMMETRIC:
        member = _single(node, schema, negated=negated) if kind in (exp.EQ, exp.NEQ) else None
        if member is not None:
            return member
        return _Pair(_SYMMETRIC[kind][negated], _operand(node.this), _operand(node.expression), symmetric=True)
    if isinstance(node, exp.In):
        return _list(node, schema, negated=negated)
    if isinstance(node, exp.Between):
        return _range(node, schema, negated=negated)
    return None


def _single(node: exp.Expr, schema: pa.Schema, *, negated: bool) -> _Member | None:
    """Read `column = value`, either way round."""
    sides = (node.this.unnest(), node.expression.unnest())
    for column, value in (sides, sides[::-1]):
        if isinstance(column, exp.Column) and isinstance(value, exp.Placeholder):
            different = isinstance(node, exp.NEQ) != negated
            return _Member(_column(column), schema.field(column.name).type, (value.name,), False, different)
    return None


def _list(node: exp.In, schema: pa.Schema, *, negated: bool) -> _Form | None:
    column, listed = node.this.unnest(), node.args.get("field")
    if not isinstance(column, exp.Column) or not isinstance(listed, exp.Placeholder):
        return None
    return _Member(_column(column), schema.field(column.name).type, (listed.name,), True, negated)


def _range(node: exp.Between, schema: pa.Schema, *, negated: bool) -> _Form | None:
    column, low, high = node.this.unnest(), node.args["low"].unnest(), node.args["high"].unnest()
    if not isinstance(column, exp.Column) or not all(isinstance(v, exp.Placeholder) for v in (low, high)):
        return None
    return _Range(_column(column), schema.field(column.name).type, low.name, high.name, negated)


def _operand(node: exp.Expr) -> _Form:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return _Text(_column(node))
    if isinstance(node, exp.Placeholder):
        return _Value(node.name)
    if isinstance(node, exp.Add | exp.Mul):
        return _Pair("+" if isinstance(node, exp.Add) else "*", _operand(node.this), _operand(node.expression), True)
    return _text(node)


def _text(node: exp.Expr) -> _Text:
    tree = node.copy()
    names: list[str] = []
    for paren in list(tree.find_all(exp.Paren)):
        if isinstance(paren.unnest(), exp.Column | exp.Placeholder | exp.Literal) and paren is not tree:
            paren.replace(paren.unnest())
    for placeholder in list(tree.find_all(exp.Placeholder)):
        names.append(placeholder.name)
        placeholder.set("this", f"p{len(names)}")
    return _Text(f"sql{render(tree)!r}", tuple(names))


def _column(node: exp.Column) -> str:
    # marked, so that no column is taken for the text of its name
    return f"column{node.name!r}"


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], tuple[type, ...]], ...] = (
    (pa.types.is_integer, (int,)),
    (pa.types.is_float64, (int, float)),
    (pa.types.is_string, (str,)),
    (pa.types.is_boolean, (bool,)),
    (pa.types.is_date32, (dt.date,)),
    (pa.types.is_timestamp, (dt.datetime,)),
)


def _of_type(value: object, arrow_type: pa.DataType) -> bool:
    """Tell whether a value is of its column's own kind, so that it is compared in the column's type wherever it
    stands; NaN is not, to be safe.
    """
    if isinstance(value, float) and math.isnan(value):
        return False
    return any(is_kind(arrow_type) and type(value) in kinds for is_kind, kinds in _KINDS)


def _unordered(value: object) -> str:
    if isinstance(value, tuple):
        return f"({','.join(sorted({exact(item) for item in value}))})"
    return exact(value)


def _set_text(column: str, negated: bool, members: frozenset[str]) -> str:
    return f"({column} {'not in' if negated else 'in'} {','.join(sorted(members))})"


def _joined(word: str, texts: set[str]) -> str:
    return texts.pop() if len(texts) == 1 else f"{word}<{'|'.join(sorted(texts))}>"
