"""Document operations, bound to their dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polyroute import operations as ops
from polyroute.engines.binding.values import as_list
from polyroute.engines.contract import Dataset
from polyroute.engines.loading.rows import documents_from
from polyroute.errors import invalid


def _selector(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as exc:
            raise invalid("the selector is not JSON", hint='write for instance {"year": {"$gte": 2000}}') from exc
    if not isinstance(value, Mapping):
        raise invalid(
            f"a selector is an object, not {type(value).__name__}", hint='write for instance {"year": {"$gte": 2000}}'
        )
    return dict(value)


def bind_selector(dataset: Dataset, op: Any) -> Any:
    """Bind an operation by its selector."""
    return replace(op, selector=_selector(op.selector))


def bind_find(dataset: Dataset, op: ops.DocumentFind) -> ops.DocumentFind:
    """Bind a find: fields and sort may be written as JSON text."""
    fields, sort = _json_list(op.fields, "fields"), _json_list(op.sort, "sort")
    return replace(op, selector=_selector(op.selector), fields=fields, sort=sort, skip=op.skip or 0)


def _json_list(value: object, what: str) -> Any:
    """Return a list that may be written as JSON text, as SQL does, or as one name."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            return json.loads(value)
        except json.JSONDecodeError as exc:
            raise invalid(f"{what} is not JSON", hint='write for instance ["name", "year"]') from exc
    return [value] if isinstance(value, str) else value


def bind_document_get(dataset: Dataset, op: ops.DocumentGet) -> ops.DocumentGet:
    """Bind a read of one key or many as a list."""
    return replace(op, key=as_list(op.key))


def bind_document_insert(dataset: Dataset, op: ops.DocumentInsert) -> ops.DocumentInsert:
    """Bind an insert: the documents as JSON objects of their own."""
    return replace(op, documents=documents_from(op.documents))


def bind_document_update(dataset: Dataset, op: ops.DocumentUpdate) -> ops.DocumentUpdate:
    """Bind an update: the changes as JSON."""
    if not isinstance(op.changes, Mapping):
        raise invalid(
            f"changes are an object, not {type(op.changes).__name__}", hint='write for instance {"status": "closed"}'
        )
    return replace(op, selector=_selector(op.selector), changes=documents_from([op.changes])[0])


def bind_document_delete(dataset: Dataset, op: ops.DocumentDelete) -> ops.DocumentDelete:
    """Bind a delete by keys or selector."""
    keys = None if op.keys is None else as_list(op.keys)
    return replace(op, keys=keys, selector=None if op.selector is None else _selector(op.selector))
