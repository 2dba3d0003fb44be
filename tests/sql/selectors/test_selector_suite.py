"""CouchDB's own Mango cases (Apache-2.0), answered from documents in memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from polyroute.sql.selectors import parse_find

SHARED = Path(os.environ.get("POLYROUTE_SHARED", Path(__file__).parents[4] / "shared"))
SUITE = SHARED / "suites" / "couchdb_mango"

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the shared suite couchdb_mango is not here")


def _cases() -> list[Any]:
    return json.loads((SUITE / "cases.json").read_text()) if SUITE.is_dir() else []


@pytest.fixture(scope="module")
def collections() -> dict[str, list[dict[str, object]]]:
    loaded: dict[str, list[dict[str, object]]] = json.loads((SUITE / "collections.json").read_text())
    return loaded


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_case_finds_the_expected_documents(
    case: dict[str, Any], collections: dict[str, list[dict[str, object]]]
) -> None:
    documents = collections[case["collection"]]
    find = parse_find(case["selector"], sort=case["sort"], skip=case["skip"], limit=case["limit"])
    found = [str(document["_id"]) for document in find.of(documents, "_id")]
    expected = case["expected_ids"]
    assert (found, len(found)) == (expected, len(expected)) if case["ordered"] else sorted(found) == sorted(expected)


@pytest.mark.parametrize("case", [case for case in _cases() if case["fields"]], ids=lambda case: case["id"])
def test_case_shows_only_the_asked_fields(
    case: dict[str, Any], collections: dict[str, list[dict[str, object]]]
) -> None:
    documents = collections[case["collection"]]
    wanted = set(case["fields"])
    for shown in parse_find(case["selector"], fields=case["fields"]).of(documents, "_id"):
        assert set(shown) <= wanted
