"""TinyDB: files that are no longer a database, and documents that JSON cannot hold."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import tinydb
from tinydb.table import Document

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code

NOTHING = Outcome.NOT_EXECUTED
INVALID, AWAY, LOST = Code.QUERY_INVALID, Code.ENGINE_UNAVAILABLE, Code.ENGINE_CONNECTION_FAILED


def file_of(content: str | bytes) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        path = directory / "profiles.json"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with tinydb.TinyDB(path) as database:
            return database.all()

    return act


def on(work: Callable[[tinydb.TinyDB], object]) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        with tinydb.TinyDB(directory / "profiles.json") as database:
            database.insert({"a": 1.0, "name": SENTINEL})
            return work(database)

    return act


def insert(document: object) -> Callable[[Path], object]:
    return on(lambda database: database.insert(document))  # type: ignore[arg-type]


def same_id_twice(database: tinydb.TinyDB) -> object:
    database.insert(Document({"a": 1}, doc_id=5))
    return database.insert(Document({"a": 2}, doc_id=5))


def circular() -> dict[str, object]:
    document: dict[str, object] = {}
    document["self"] = document
    return document


def nested(depth: int) -> dict[str, object]:
    document: dict[str, object] = {}
    for _ in range(depth):
        document = {"in": document}
    return document


def closed(directory: Path) -> object:
    database = tinydb.TinyDB(directory / "profiles.json")
    database.close()
    return database.all()


def case(name: str, act: Callable[[Path], object], code: Code, retry: bool = False) -> Case:
    return Case(f"tinydb-{name}", "tinydb", act, code, NOTHING, retry)


CASES = (
    case("not-json", file_of("{" + SENTINEL), AWAY, retry=True),
    case("cut-off", file_of('{"_default": {"1": {"a": 1}'), AWAY, retry=True),
    case("zeros", file_of("\0\0\0"), AWAY, retry=True),
    case("binary", file_of(b"\xff\xfe\x00"), AWAY, retry=True),
    case("a-list", file_of("[1, 2]"), AWAY, retry=True),
    case("a-string", file_of(f'"{SENTINEL}"'), AWAY, retry=True),
    case("a-number", file_of("5"), AWAY, retry=True),
    case("documents-in-a-list", file_of('{"_default": [1]}'), AWAY, retry=True),
    case("document-is-text", file_of(f'{{"_default": {{"1": "{SENTINEL}"}}}}'), AWAY, retry=True),
    case("id-is-text", file_of(f'{{"_default": {{"{SENTINEL}": {{"a": 1}}}}}}'), AWAY, retry=True),
    case("nested-without-end", file_of("[" * 100_000), AWAY, retry=True),
    case("insert-set", insert({"a": {1, 2}}), INVALID),
    case("insert-date", insert({"a": datetime.date(2026, 1, 1)}), INVALID),
    case("insert-bytes", insert({"a": SENTINEL.encode()}), INVALID),
    case("insert-object", insert({"a": object()}), INVALID),
    case("insert-key", insert({(1, 2): 1}), INVALID),
    case("insert-circle", insert(circular()), INVALID),
    case("insert-too-deep", insert(nested(5000)), INVALID),
    case("insert-number", insert(5), INVALID),
    case("upsert-without-id", on(lambda database: database.upsert({"a": 1})), INVALID),
    case("empty-query", on(lambda database: database.search(tinydb.Query())), INVALID),
    case("compare-types", on(lambda database: database.search(tinydb.where("a") > "x")), INVALID),
    case("same-id-twice", on(same_id_twice), Code.CONSISTENCY_VIOLATION),
    case("closed", closed, LOST, retry=True),
    case("directory", lambda d: tinydb.TinyDB(d), LOST, retry=True),
    case("no-directory", lambda d: tinydb.TinyDB(d / "no" / "x.json"), LOST, retry=True),
)
