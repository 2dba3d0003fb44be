"""Document engines with one fault."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset, LoadSpec
from polyroute.engines.document.schema import layout_of, shape_of
from polyroute.engines.resources import Resource
from polyroute.errors import PolyrouteError
from polyroute.operations import DocumentDelete, DocumentFind, DocumentGet, DocumentInsert, DocumentUpdate
from polyroute.result import Documents, Rows
from polyroute.sql.selectors import in_order, parse_sort
from tests.engines.reference.document import Collection, Document, ReferenceDocuments
from tests.engines.reference.faults import fault
from tests.engines.reference.place import Held, Place

_BACK = "test_documents_come_back_as_they_were"
_OWN = "test_an_answer_is_the_callers_own"
_FIND = "test_document_find_selects"
_SORT = "test_document_find_sorts_skips_and_cuts"
_FIELDS = "test_document_find_projects_fields"
_REFUSES = "test_document_find_refuses_wrong_selectors"
_GET = "test_document_get_and_count"
_TABLE = "test_a_collection_is_a_table"
_COLUMNS = "test_the_columns_follow_the_documents"
_INSERT = "test_document_insert"
_UPDATE = "test_document_update_merges"
_DELETE = "test_document_delete"
_RESTART = "test_documents_survive_a_restart"


@fault(_BACK)
class LosesNulls(ReferenceDocuments):
    def read(self, spec: LoadSpec, call: Call) -> list[Document]:
        return [{n: v for n, v in d.items() if v is not None} for d in super().read(spec, call)]


@fault(_BACK)
class LosesFieldsOfFewDocuments(ReferenceDocuments):
    def read(self, spec: LoadSpec, call: Call) -> list[Document]:
        given = super().read(spec, call)
        return [{n: v for n, v in d.items() if n in given[0]} for d in given]


@fault(_BACK)
class FillsWhatDocumentsLack(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        answer: Any = super().document_find(op, call)
        names = self.dataset(str(op.dataset)).schema.names
        return replace(answer, documents=[{n: d.get(n) for n in names} for d in answer.documents])


@fault(_BACK)
class RoundsLargeNumbers(ReferenceDocuments):
    def read(self, spec: LoadSpec, call: Call) -> list[Document]:
        large = 2**53
        given = super().read(spec, call)
        return [{n: v + 1 if type(v) is int and v > large else v for n, v in d.items()} for d in given]


@fault(_OWN)
class HandsOutItsOwnDocuments(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        answer: Any = super().document_find(op, call)
        return replace(answer, documents=list(self.held(op.dataset).content.documents))


@fault(_OWN)
class KeepsDocumentsHandedOut(ReferenceDocuments):
    """It remembers what it answered, and answers the same again."""

    def document_get(self, op: DocumentGet, call: Call) -> Answer:
        known: dict[str, Documents] = self.__dict__.setdefault("known", {})
        return known.setdefault(repr(op.key), super().document_get(op, call))  # type: ignore[arg-type]

    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        known: dict[str, Documents] = self.__dict__.setdefault("known", {})
        return known.setdefault(repr(op.selector), super().document_find(op, call))  # type: ignore[arg-type]


def without(selector: Any, operator: str) -> Any:
    """Return a selector without an operator, wherever it stands."""
    if isinstance(selector, list):
        return [without(inner, operator) for inner in selector]
    if not isinstance(selector, dict):
        return selector
    kept = {name: without(inner, operator) for name, inner in selector.items() if name != operator}
    return {name: inner for name, inner in kept.items() if inner != {} or selector[name] == {}}


class Misreading(ReferenceDocuments):
    """Look for something else than was asked."""

    def read_as(self, selector: Any) -> Any:
        """Return the selector as the engine understands it."""
        raise NotImplementedError

    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        return super().document_find(replace(op, selector=self.read_as(op.selector)), call)

    def matcher(self, selector: object) -> Callable[[object], bool]:
        return super().matcher(self.read_as(selector))


@fault(_FIND, _GET)
class IgnoresExists(Misreading):
    def read_as(self, selector: Any) -> Any:
        return without(selector, "$exists")


@fault(_FIND)
class IgnoresNegation(Misreading):
    def read_as(self, selector: Any) -> Any:
        return without(without(selector, "$nor"), "$ne")


@fault(_FIND)
class LooksAtTopFieldsOnly(Misreading):
    def read_as(self, selector: Any) -> Any:
        return {name.partition(".")[0] if name == "home.city" else name: v for name, v in selector.items()}


@fault(_FIND)
class ComparesAsText(Misreading):
    def read_as(self, selector: Any) -> Any:
        return {"mixed": 1} if selector == {"mixed": "1"} else selector


@fault(_FIND)
class CountsOtherwiseThanItFinds(ReferenceDocuments):
    def matcher(self, selector: object) -> Callable[[object], bool]:
        return super().matcher(without(selector, "$in"))


@fault(_SORT)
class CutsBeforeItSkips(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        limit = None if op.limit is None else max(0, op.limit - (op.skip or 0))
        return super().document_find(replace(op, limit=limit), call)


@fault(_SORT)
class AlwaysSortsUpwards(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        sort: Any = [next(iter(s)) if isinstance(s, dict) else s for s in op.sort or ()]
        return super().document_find(replace(op, sort=sort or None), call)


@fault(_SORT)
class SortsAfterItCuts(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        answer: Any = super().document_find(replace(op, sort=None), call)
        documents = list(in_order(answer.documents, parse_sort(op.sort), "_id")) if op.sort else answer.documents
        return replace(answer, documents=documents)


@fault(_FIELDS)
class ShowsWholeDocuments(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        return super().document_find(replace(op, fields=None), call)


@fault(_FIELDS)
class ShowsFieldsFlat(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        answer: Any = super().document_find(op, call)
        if not op.fields:
            return answer
        flat = [{n: (v["city"] if n == "home" and v else v) for n, v in d.items()} for d in answer.documents]
        return replace(answer, documents=flat)


@fault(_REFUSES)
class MatchesNothingByWrongSelectors(ReferenceDocuments):
    def document_find(self, op: DocumentFind, call: Call) -> Answer:
        try:
            return super().document_find(op, call)
        except PolyrouteError:
            return super().document_find(replace(op, selector={"_id": {"$exists": False}}), call)


@fault(_GET)
class GetsInStoredOrder(ReferenceDocuments):
    def document_get(self, op: DocumentGet, call: Call) -> Answer:
        answer: Any = super().document_get(op, call)
        return replace(answer, documents=sorted(answer.documents, key=lambda d: str(d["_id"])))


@fault(_TABLE)
class KnowsTheColumnsOfTheFirstDocument(ReferenceDocuments):
    def datasets(self) -> Mapping[str, Dataset]:
        return {
            name: replace(held.dataset, schema=layout_of(shape_of(held.content.documents[:1])).schema)
            for name, held in self.state.held.items()
        }


@fault(_TABLE)
class MakesTextOfMixedFields(ReferenceDocuments):
    def datasets(self) -> Mapping[str, Dataset]:
        return {name: replace(d, schema=_texts(d.schema)) for name, d in super().datasets().items()}

    def table(self, held: Held, part: str | None = None) -> pa.Table:
        table = super().table(held, part)
        return table.cast(_texts(table.schema))


def _texts(schema: pa.Schema) -> pa.Schema:
    return pa.schema([f.with_type(pa.string()) if isinstance(f.type, pa.JsonType) else f for f in schema])


@fault(_COLUMNS)
class RemembersTheFirstColumns(ReferenceDocuments):
    def dataset(self, name: str) -> Dataset:
        known: dict[str, Dataset] = self.__dict__.setdefault("known", {})
        return known.setdefault(name, super().dataset(name))

    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        self.dataset(str(op.dataset))
        return super().document_insert(op, call)


@fault(_COLUMNS)
class NeverForgetsColumns(ReferenceDocuments):
    def datasets(self) -> Mapping[str, Dataset]:
        known: dict[str, Dataset] = self.__dict__.setdefault("known", {})
        for name, dataset in super().datasets().items():
            if name not in known or len(known[name].schema) < len(dataset.schema):
                known[name] = dataset
        return {name: known[name] for name in super().datasets()}


@fault(_INSERT)
class OverwritesOnInsert(ReferenceDocuments):
    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        given: Any = op.documents
        self.document_delete(DocumentDelete(op.dataset, keys=[d["_id"] for d in given if "_id" in d]), call)
        return super().document_insert(op, call)


@fault(_INSERT)
class InsertsOneByOne(ReferenceDocuments):
    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        given: Any = op.documents
        answers = [super(InsertsOneByOne, self).document_insert(replace(op, documents=[d]), call) for d in given]
        return Rows((), [], affected=len(given), keys=[key for answer in answers for key in answer.keys or ()])


@fault(_INSERT)
class TellsNoKeys(ReferenceDocuments):
    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        return replace(super().document_insert(op, call), keys=None)


@fault(_INSERT)
class MakesUpTheSameKey(ReferenceDocuments):
    def document_insert(self, op: DocumentInsert, call: Call) -> Rows:
        given: Any = op.documents
        return super().document_insert(replace(op, documents=[{"_id": f"k{hash(str(d))}", **d} for d in given]), call)


@fault(_UPDATE)
class ReplacesOnUpdate(ReferenceDocuments):
    def patched(self, document: Document, changes: object) -> Document:
        return {"_id": document["_id"], **copy.deepcopy(changes)}  # type: ignore[dict-item]


@fault(_UPDATE)
class MergesTheTopOnly(ReferenceDocuments):
    def patched(self, document: Document, changes: Any) -> Document:
        return {n: v for n, v in {**document, **changes}.items() if v is not None or n not in changes}


@fault(_UPDATE)
class SetsNullsInsteadOfRemoving(ReferenceDocuments):
    def patched(self, document: Document, changes: Any) -> Document:
        return super().patched(document, changes) | {n: None for n, v in changes.items() if v is None}


@fault(_UPDATE)
class UpdatesTheFirstMatch(ReferenceDocuments):
    def document_update(self, op: DocumentUpdate, call: Call) -> Rows:
        answer: Any = super().document_find(DocumentFind(op.dataset, op.selector, limit=1), call)
        keys = [document["_id"] for document in answer.documents]
        return super().document_update(replace(op, selector={"_id": {"$in": keys}}), call)


@fault(_UPDATE)
class LetsKeysChange(ReferenceDocuments):
    def document_update(self, op: DocumentUpdate, call: Call) -> Rows:
        if "_id" in op.changes:
            self.document_delete(DocumentDelete(op.dataset, selector=op.selector), call)
        return super().document_update(op, call)


@fault(_DELETE)
class DeletesTheFirstKey(ReferenceDocuments):
    def document_delete(self, op: DocumentDelete, call: Call) -> Rows:
        keys: Any = op.keys
        return super().document_delete(replace(op, keys=keys and keys[:1]), call)


@fault(_DELETE)
class DeletesOneMatch(ReferenceDocuments):
    def document_delete(self, op: DocumentDelete, call: Call) -> Rows:
        if op.selector is None:
            return super().document_delete(op, call)
        answer: Any = super().document_find(DocumentFind(op.dataset, op.selector, limit=1), call)
        return super().document_delete(DocumentDelete(op.dataset, keys=[d["_id"] for d in answer.documents]), call)


@fault(_RESTART)
class ForgetsInsertsOnRestart(ReferenceDocuments):
    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        with self._place.changing() as draft:
            for name, held in draft.held.items():
                collection: Collection = held.content
                draft.held[name] = replace(held, content=replace(collection, documents=collection.documents[:5]))
