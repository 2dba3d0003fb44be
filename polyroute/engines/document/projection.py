"""The columns of documents of which only some fields are shown.

`document_find(fields=["name.first", "scores.0"])` answers with `{"name": {"first": ...}, "scores": {"0": ...}}`,
and these shapes need columns of their own: a struct keeps the members that are shown, an element of an array stands
in a struct under its number. A field that no document has is no column.
"""

from __future__ import annotations

from types import MappingProxyType

import pyarrow as pa

from polyroute.engines.document.schema import Layout
from polyroute.sql.selectors.fields import Projection
from polyroute.sql.selectors.paths import array_index
from polyroute.sql.types import JSON, is_json

_Tree = dict[str, "_Tree"]


def pruned(layout: Layout, projection: Projection) -> Layout:
    """Return the layout of the documents that a projection shows; an empty projection shows all.

    >>> layout = Layout(pa.schema([("a", pa.struct([("b", pa.int64()), ("c", pa.string())])), ("d", pa.int64())]))
    >>> pruned(layout, (("a", "b"),)).schema.field("a").type
    StructType(struct<b: int64>)
    """
    if not projection:
        return layout
    columns = {member: column for column, members in layout.members.items() for member in members}
    fields: dict[str, pa.Field] = {}
    free = set()
    for name, below in _tree(projection).items():
        column = columns.get(name, name)
        if column not in layout.schema.names:
            continue
        whole = layout.schema.field(column).type
        shown = whole if column in layout.members else _shown(whole, below)
        if shown is None:
            continue
        if is_json(shown) and not is_json(whole):
            free.add(column)
        fields[column] = pa.field(column, shown)
    members = {column: names for column, names in layout.members.items() if column in fields}
    return Layout(pa.schema(list(fields.values())), MappingProxyType(members), (layout.declared & fields.keys()) - free)


def _tree(projection: Projection) -> _Tree:
    tree: _Tree = {}
    for path in projection:
        below = tree
        for name in path:
            below = below.setdefault(name, {})
    return tree


def _shown(whole: pa.DataType, below: _Tree) -> pa.DataType | None:
    """Return the type of what is shown of a value, None where no value of the type has any of it."""
    if not below or is_json(whole):
        return whole
    if pa.types.is_struct(whole):
        inner = {name: whole.field(name).type for name in below if whole.get_field_index(name) >= 0}
    elif pa.types.is_list(whole) or pa.types.is_fixed_size_list(whole):
        inner = {name: whole.value_type for name in below if array_index(name) is not None}
    elif pa.types.is_map(whole):
        return JSON
    else:
        return None
    shown = {name: _shown(part, below[name]) for name, part in inner.items()}
    fields = [pa.field(name, part) for name, part in shown.items() if part is not None]
    return pa.struct(fields) if fields else None
