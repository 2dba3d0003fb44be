"""Lists of dicts as Arrow: JSON values through the document schema, and what Python adds to them (dates, decimals,
bytes, arrays) by their own types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from polyroute.engines.document.convert import table_of
from polyroute.engines.document.schema import Layout, layout_of, shape_of
from polyroute.errors import invalid
from polyroute.sql.types import conform, logical_schema

_JSON_KINDS = frozenset({type(None), bool, int, float, str, list, dict})

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Inferred:
    """The schema that a list of dicts has, and the way to Arrow; `layout` is None where a value is more than JSON."""

    schema: pa.Schema
    layout: Layout | None

    def table(self, documents: Sequence[Document]) -> pa.Table:
        """Return some of the documents as a table."""
        if self.layout is not None:
            return table_of(documents, self.layout)
        return pa.table(
            [_typed([d.get(f.name) for d in documents], f.name, f.type) for f in self.schema], schema=self.schema
        )


def infer(documents: Sequence[Document]) -> Inferred:
    """Return the schema of documents: the union of their keys, in the order in which they come.

    Raises QUERY_INVALID, naming the column, for values that no one type holds.

    >>> infer([{"a": 1}, {"b": {"c": [1.5]}}]).schema.names
    ['a', 'b']
    """
    names = dict.fromkeys(_name(n) for d in documents for n in d)
    if all(_is_json(value) for document in documents for value in document.values()):
        layout = layout_of(shape_of(documents))
        return Inferred(layout.schema, layout)
    fields = [pa.field(n, _typed([d.get(n) for d in documents], n).type) for n in names]
    return Inferred(logical_schema(pa.schema(fields)), None)


def _is_json(value: object) -> bool:
    kind = type(value)
    if kind not in _JSON_KINDS:
        return False
    if kind is list:
        return all(_is_json(v) for v in value)  # type: ignore[attr-defined]
    if kind is dict:
        return all(type(k) is str and _is_json(v) for k, v in value.items())  # type: ignore[attr-defined]
    return True


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise invalid(f"a key of a row is a {type(name).__name__}", hint="column names are text")
    return name


def _typed(values: list[object], name: str, wanted: pa.DataType | None = None) -> pa.Array:
    try:
        array = pa.array([dict(v) if isinstance(v, Mapping) else v for v in values], wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as exc:
        raise invalid(
            f"the values of column {name!r} have no one type", hint="give all rows values of one type in it"
        ) from exc
    schema = logical_schema(pa.schema([pa.field(name, array.type)]))
    return conform(pa.table([array], names=[name]), schema)[name].combine_chunks()
