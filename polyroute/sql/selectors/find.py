"""The whole of `document_find` over documents in memory: selector, sort, skip, limit and fields, read once and
applied to any documents.

An engine that narrows the documents by SQL first hands over what is left of the selector with `narrowed`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from polyroute.sql.selectors.fields import Projection, compile_fields, parse_fields
from polyroute.sql.selectors.match import compile_selector
from polyroute.sql.selectors.order import Document, Sort, in_order, parse_sort
from polyroute.sql.selectors.parse import parse_selector
from polyroute.sql.selectors.tree import EVERYTHING, Node


@dataclass(frozen=True, slots=True)
class Find:
    """A question to a collection, checked and ready to be asked of documents.

    >>> asked = parse_find({"age": {"$gt": 30}}, fields=["name"], sort=[{"age": "desc"}])
    >>> asked.of([{"_id": 1, "name": "Ann", "age": 31}, {"_id": 2, "name": "Bob", "age": 44}], "_id")
    [{'name': 'Bob'}, {'name': 'Ann'}]
    """

    selector: Node
    fields: Projection = ()
    sort: Sort = ()
    skip: int = 0
    limit: int | None = None

    def narrowed(self, residual: Node | None) -> Find:
        """Return the same question for documents that have passed all of the selector but the residual."""
        return replace(self, selector=EVERYTHING if residual is None else residual)

    def of(self, documents: Iterable[Document], key_field: str | None, *, ordered: bool = False) -> list[Document]:
        """Answer from the documents; `ordered` says that they come in the order of their keys already."""
        matching = self._matching(documents)
        if self.sort or not ordered:
            matching = in_order(matching, self.sort, key_field)
        stop = None if self.limit is None else min(self.skip + self.limit, sys.maxsize)
        project = compile_fields(self.fields)
        return [project(document) for document in islice(matching, self.skip, stop)]

    def _matching(self, documents: Iterable[Document]) -> Iterable[Document]:
        if self.selector == EVERYTHING:
            return documents
        matches: Callable[[object], bool] = compile_selector(self.selector)
        return (document for document in documents if matches(document))


def parse_find(
    selector: Mapping[str, object] | str | None = None,
    *,
    fields: Sequence[str] | None = None,
    sort: Sequence[object] | None = None,
    skip: int | None = 0,
    limit: int | None = None,
) -> Find:
    """Read a question; QUERY_INVALID, with the way out, where a part of it is malformed."""
    return Find(parse_selector(selector), parse_fields(fields), parse_sort(sort), skip or 0, limit)
