"""Resolve what a filter reads: a column, a struct field inside it, an item of a list, each with its Arrow type.

DuckDB compares names without regard to case; a resolved tree spells them as stored and quotes them, so no later room
guesses. In a resolved tree `exp.Column` is always a root column, `exp.Dot` a struct field and `exp.Bracket` an item
of a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from polyroute.errors import invalid, unknown_name
from polyroute.sql.types import is_json

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing a filter reads.

    Attributes:
        column: the root column, as stored.
        path: struct fields (names) and list items (numbers from 1, or from -1 backwards) below it; empty for the
            column itself.
        type: the Arrow type at the end of the path.
    """

    column: str
    path: tuple[str | int, ...]
    type: pa.DataType


def reference(node: exp.Expr, schema: pa.Schema) -> Reference | None:
    """Read a node of a resolved tree as a reference; None for anything else, such as a function or a computed index."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return Reference(node.name, (), schema.field(node.name).type)
    if not isinstance(node, exp.Dot | exp.Bracket):
        return None
    parent = reference(node.this, schema)
    step = _step(node)
    if parent is None or step is None:
        return None
    type_ = _child_type(parent.type, step)
    return None if type_ is None else Reference(parent.column, (*parent.path, step), type_)


def references(tree: exp.Expr, schema: pa.Schema) -> Iterator[Reference]:
    """Find every reference of a resolved tree, the longest path of each."""
    found = reference(tree, schema)
    if found is not None:
        yield found
        return
    for child in tree.iter_expressions():
        yield from references(child, schema)


def resolve(tree: exp.Expr, schema: pa.Schema) -> exp.Expr:
    """Copy a parsed tree with its columns resolved against a schema.

    Raises:
        QueryError: QUERY_INVALID for an unknown column or field, with the nearest names.
    """
    return tree.transform(lambda node: _resolved(node, schema))


def is_list(type_: pa.DataType) -> bool:
    """Tell whether a type is a list of any layout."""
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def _resolved(node: exp.Expr, schema: pa.Schema) -> exp.Expr:
    if isinstance(node, exp.Column | exp.Dot | exp.Bracket):
        return _walk(node, schema)[0]
    return node


def _walk(node: exp.Expr, schema: pa.Schema) -> tuple[exp.Expr, pa.DataType | None]:
    """Resolve one chain of names and indices from its root, with the type where it is known."""
    if isinstance(node, exp.Paren):
        return _walk(node.this, schema)
    if isinstance(node, exp.Column):
        root, *fields = [part.name for part in node.parts]
        return _resolve_names(root, fields, schema)
    if isinstance(node, exp.Dot):
        inner, type_ = _walk(node.this, schema)
        if isinstance(node.expression, exp.Identifier):
            return _field(inner, type_, node.expression.name)
        return exp.Dot(this=inner, expression=resolve(node.expression, schema)), None
    if isinstance(node, exp.Bracket):
        return _index(node, schema)
    return resolve(node, schema), None


def _resolve_names(root: str, fields: Sequence[str], schema: pa.Schema) -> tuple[exp.Expr, pa.DataType | None]:
    stored = _match("column", root, schema.names)
    node: exp.Expr = exp.Column(this=exp.to_identifier(stored, quoted=True))
    type_: pa.DataType | None = schema.field(stored).type
    for name in fields:
        node, type_ = _field(node, type_, name)
    return node, type_


def _field(node: exp.Expr, type_: pa.DataType | None, name: str) -> tuple[exp.Expr, pa.DataType | None]:
    if type_ is None or is_json(type_):
        return exp.Dot(this=node, expression=exp.to_identifier(name, quoted=True)), type_
    if pa.types.is_struct(type_):
        names = [type_.field(i).name for i in range(type_.num_fields)]
        stored = _match("field", name, names)
        return exp.Dot(this=node, expression=exp.to_identifier(stored, quoted=True)), type_.field(stored).type
    if is_list(type_):
        raise invalid(f"{name!r} is asked of a list, which has no fields", hint="pick an item first: a_list[1].field")
    raise invalid(
        f"{name!r} is asked of a column of type {type_}, which has no fields", hint="write the column's name alone"
    )


def _index(node: exp.Bracket, schema: pa.Schema) -> tuple[exp.Expr, pa.DataType | None]:
    inner, type_ = _walk(node.this, schema)
    keys = [resolve(key, schema) for key in node.expressions]
    if type_ is not None and pa.types.is_struct(type_) and len(keys) == 1 and keys[0].is_string:
        return _field(inner, type_, keys[0].name)
    copy = exp.Bracket(this=inner, expressions=keys)
    step = _step(copy)
    return copy, _child_type(type_, step) if type_ is not None and step is not None else None


def _step(node: exp.Expr) -> str | int | None:
    if isinstance(node, exp.Dot):
        return node.expression.name if isinstance(node.expression, exp.Identifier) else None
    if len(node.expressions) != 1:
        return None
    [index] = node.expressions
    negative = isinstance(index, exp.Neg)
    literal = index.this if negative else index
    if not isinstance(literal, exp.Literal) or not literal.is_int:
        return None
    # sqlglot keeps indices from 0 and writes them from 1 again
    return 1 + (-int(literal.name) if negative else int(literal.name))


def _child_type(type_: pa.DataType, step: str | int) -> pa.DataType | None:
    if is_json(type_):
        return type_ if isinstance(step, str) else None
    if isinstance(step, str):
        return type_.field(step).type if pa.types.is_struct(type_) else None
    return type_.value_type if is_list(type_) else None


def _match(kind: str, name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    folded = [stored for stored in names if stored.lower() == name.lower()]
    if len(folded) == 1:
        return folded[0]
    if folded:
        raise invalid(f"{kind} {name!r} could be any of {', '.join(folded)}", hint="spell it as stored")
    raise unknown_name(kind, name, names)
