"""Short texts about countries and airports with their embeddings: the demo's vector table, and `embed` for a question.

Each text is put together from the fields of real records of `places`, so it says nothing that they do not. Embeddings
are WordLlama's (package `wordllama`, MIT), 256 dimensions, unit length, so cosine similarity is the dot product; the
weights are in the wheel and nothing is downloaded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from polyroute.demo.packages import package_folder
from polyroute.demo.places import Document, airports, countries

DIMENSIONS = 256

_SCHEMA = pa.schema(
    [
        ("passage_id", pa.int64()),
        ("country", pa.string()),
        ("section", pa.string()),
        ("iata", pa.string()),
        ("text", pa.string()),
        ("vector", pa.list_(pa.float32(), DIMENSIONS)),
    ]
)

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class _Model(Protocol):
    def embed(self, texts: list[str], *, norm: bool) -> Vectors: ...


def passages() -> pa.Table:
    """Return one row per text: `passage_id` (key), `country`, `section`, `iata` (airport texts only), `text`, `vector`.

    `section` is 'portrait', 'neighbours' or 'provinces' of a country, or 'airport'.
    """
    rows = [*_country_texts(), *_airport_texts()]
    country, section, iata, text = (list(column) for column in zip(*rows, strict=True))
    flat = pa.array(embed_all([str(t) for t in text]).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS)
    return pa.table([pa.array(range(1, len(rows) + 1)), country, section, iata, text, vectors], schema=_SCHEMA)


def embed(text: str) -> list[float]:
    """Turn a text into the vector that `passages` is searched with: 256 floats of unit length."""
    vector: list[float] = embed_all([text])[0].tolist()
    return vector


def embed_all(texts: Sequence[str]) -> Vectors:
    """Turn texts into an array of shape (len(texts), 256), float32, rows of unit length."""
    return _model().embed(list(texts), norm=True)


@cache
def _model() -> _Model:
    """Load the model from the installed package; importing it must not leave a handler on the root logger."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    folder = package_folder("wordllama")
    from wordllama import WordLlama

    root.setLevel(level)
    root.handlers[:] = handlers
    model: _Model = WordLlama.load(cache_dir=folder, disable_download=True)
    return model


def _country_texts() -> Iterator[tuple[str, str, None, str]]:
    held = countries()
    name_of = {d["ISO"]["alpha3"]: d["name"] for d in held}
    for document in held:
        yield document["_id"], "portrait", None, _portrait(document)
        neighbours = [name_of[code] for code in document.get("borders", ()) if code in name_of]
        yield document["_id"], "neighbours", None, _neighbours(document["name"], neighbours)
        if document.get("provinces"):
            provinces = ", ".join(document["provinces"])
            yield document["_id"], "provinces", None, f"Provinces of {document['name']}: {provinces}."


def _portrait(document: Document) -> str:
    """Say where a country lies, its capital and its people, leaving out what the record does not hold."""
    name, native = document["name"], document.get("nativeName")
    text = f"{name} ({native})" if native and native != name else name
    if document["region"]:
        text += f" lies in {document['subregion']}, {document['region']}"
    facts = [f"its capital is {document['capital']}"] if document["capital"] else []
    if document.get("demonym"):
        facts.append(f"its people are called {document['demonym']}")
    return f"{text}; {'; '.join(facts)}." if facts else f"{text}."


def _neighbours(name: str, neighbours: list[str]) -> str:
    return f"{name} has land borders with {', '.join(neighbours)}." if neighbours else f"{name} has no land borders."


def _airport_texts() -> Iterator[tuple[str, str, str, str]]:
    name_of = {d["_id"]: d["name"] for d in countries()}
    for airport in airports().select(["iata", "name", "city", "subdivision", "country"]).to_pylist():
        places = [airport["city"], airport["subdivision"], name_of.get(airport["country"])]
        where = ", ".join(place for place in places if place)
        text = f"{airport['name']} serves {where}." if where else f"{airport['name']}."
        yield airport["country"], "airport", airport["iata"], text
