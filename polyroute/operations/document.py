"""Operations on documents: find, get, count; insert, update, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyroute.arguments import check_count, check_target
from polyroute.errors import invalid
from polyroute.operations.base import Operation, operation


@operation("document")
@dataclass(frozen=True, slots=True)
class DocumentFind(Operation):
    """Find documents by a MongoDB-style selector."""

    selector: Mapping[str, object] | str | None = None
    fields: Sequence[str] | None = None
    sort: Sequence[object] | None = None
    skip: int | None = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        check_count("skip", 0 if self.skip is None else self.skip, 0)
        if self.limit is not None:
            check_count("limit", self.limit, 0)


@operation("document")
@dataclass(frozen=True, slots=True)
class DocumentGet(Operation):
    """Read the document of one key or the documents of a list of keys."""

    key: object


@operation("document")
@dataclass(frozen=True, slots=True)
class DocumentCount(Operation):
    """Count the documents that match a selector: one row, `count`."""

    selector: Mapping[str, object] | str | None = None


@operation("document", writes=True)
@dataclass(frozen=True, slots=True)
class DocumentInsert(Operation):
    """Insert one document or a list; a held key is CONSISTENCY_VIOLATION, a missing `_id` is made up and told in
    `keys`.
    """

    documents: object


@operation("document", writes=True)
@dataclass(frozen=True, slots=True)
class DocumentUpdate(Operation):
    """Change the documents that match a selector by a JSON merge patch (RFC 7396): null removes a field."""

    selector: Mapping[str, object] | str
    changes: Mapping[str, object]

    def __post_init__(self) -> None:
        if self.selector is None:
            raise invalid("document_update needs a selector", hint="pass selector={} to change every document")


@operation("document", writes=True)
@dataclass(frozen=True, slots=True)
class DocumentDelete(Operation):
    """Delete the documents of some keys, or those that match a selector; exactly one of the two."""

    keys: object = None
    selector: Mapping[str, object] | str | None = None

    def __post_init__(self) -> None:
        check_target(self.name, self.keys, self.selector, "keys", "selector")
