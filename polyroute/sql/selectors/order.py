"""The order of found documents: which comes first, which are skipped, where the answer ends.

A sort names fields, each ascending or descending: `["name.last", {"age": "desc"}]`. As with CouchDB's indexes, a
document that lacks one of the fields is left out. A field may be narrowed to one type as in CouchDB's text indexes,
`"title:string"` or `"age:number"`. Ties, and all documents where no sort is asked, stand by key, so the answer does
not depend on how an engine happens to keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from polyroute.errors import invalid, unknown_name
from polyroute.sql.selectors.collation import NUMBER, RANKS, STRING, SortKey, key_order, sort_key
from polyroute.sql.selectors.match import RAW_PATH
from polyroute.sql.selectors.paths import ASTRAY, MISSING, Path, compile_path, parse_path, path_text

Document = dict[str, object]

_DIRECTIONS = ("asc", "desc")
_TYPES = {"string": STRING, "number": NUMBER}


@dataclass(frozen=True, slots=True)
class SortField:
    """One field of a sort; `rank` narrows it to one type of JSON."""

    path: Path
    descending: bool = False
    rank: int | None = None


Sort = tuple[SortField, ...]


def parse_sort(sort: Sequence[object] | None) -> Sort:
    r"""Read a sort: field names, or objects of one field name and "asc" or "desc".

    A colon that belongs to a name is written `\:`. Raises QUERY_INVALID for anything else.

    >>> parse_sort(["name", {"age": "desc"}])[1]
    SortField(path=('age',), descending=True, rank=None)
    """
    if sort is None:
        return ()
    if isinstance(sort, str | Mapping) or not isinstance(sort, Sequence):
        raise invalid("sort is an array", hint='write for instance ["name", {"age": "desc"}]')
    fields = tuple(_sort_field(item) for item in sort)
    paths = [field.path for field in fields]
    for path in paths:
        if paths.count(path) > 1:
            raise invalid(f"sort names the field {path_text(path)!r} twice")
    return fields


def _sort_field(item: object) -> SortField:
    if isinstance(item, str):
        return _typed(item, descending=False)
    if isinstance(item, Mapping) and len(item) == 1:
        name, direction = next(iter(item.items()))
        if direction not in _DIRECTIONS:
            raise unknown_name("sort direction", str(direction), _DIRECTIONS)
        if isinstance(name, str):
            return _typed(name, descending=direction == "desc")
    raise invalid(
        "an entry of sort is neither a field name nor an object of one field", hint='write "age" or {"age": "desc"}'
    )


def _typed(name: str, *, descending: bool) -> SortField:
    field, colon, type_name = name.rpartition(":")
    if colon and type_name in _TYPES and not field.endswith("\\"):
        return SortField(parse_path(field), descending, _TYPES[type_name])
    return SortField(parse_path(name), descending)


def in_order(documents: Iterable[Document], sort: Sort, key_field: str | None) -> list[Document]:
    """Return the documents in the order of a sort, those without one of its fields left out.

    Ties stand by the document's key, from the last down where every field of the sort is descending; without a key
    field, in the order in which they come.

    >>> in_order([{"_id": "a", "n": 1}, {"_id": "b"}, {"_id": "c", "n": 0}], parse_sort(["n"]), "_id")
    [{'_id': 'c', 'n': 0}, {'_id': 'a', 'n': 1}]
    """
    key_of = compile_path((key_field,)) if key_field is not None else _no_key
    values_of = _compile_values(sort)
    keyed = []
    for document in documents:
        values = values_of(document)
        if values is not None:
            keyed.append((values, _absent_first(key_of(document)), document))
    keyed.sort(key=lambda entry: entry[1], reverse=bool(sort) and all(field.descending for field in sort))
    for position in range(len(sort) - 1, -1, -1):
        keyed.sort(key=lambda entry: entry[0][position], reverse=sort[position].descending)
    return [document for _, _, document in keyed]


def _compile_values(sort: Sort) -> Callable[[Document], list[SortKey] | None]:
    steps = [
        (compile_path(field.path), key_order if field.path == RAW_PATH else sort_key, field.rank) for field in sort
    ]

    def values_of(document: Document) -> list[SortKey] | None:
        values = []
        for find, order, rank in steps:
            found = find(document)
            if found is MISSING or found is ASTRAY or (rank is not None and RANKS[type(found)] != rank):
                return None
            values.append(order(found))
        return values

    return values_of


def _no_key(document: object) -> object:
    return MISSING


def _absent_first(key: object) -> SortKey:
    return (-1,) if key is MISSING else key_order(key)
