"""The datasets of a world, made from a seed: small, full of NULLs, with rows that stand there twice.

Two of them are empty or one row; the documents lack fields and nest them; the series has one row per station and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import pyarrow as pa

from tests.generated.fields import (
    BADGES,
    DIMENSIONS,
    LABELS,
    LINKS,
    NAMES,
    NOTHING,
    PASSAGES,
    PEOPLE,
    READINGS,
    SINGLE,
    TAGS,
    TEAMS,
    VISITS,
    Field,
    person,
)
from tests.generated.kinds import Column, Kind

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a dataset as Arrow, its columns, and how it is loaded; `home` fixes its engine, if any may not do."""

    name: str
    rows: pa.Table | list[Row]
    columns: tuple[Column, ...]
    home: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def tables(rng: Random) -> tuple[Table, ...]:
    """Make the datasets of a world; the relational ones have no home of their own."""
    return (
        _table(rng, "people", PEOPLE, rng.randrange(40, 120)),
        _table(rng, "teams", TEAMS, rng.randrange(12, 25)),
        _table(rng, "visits", VISITS, rng.randrange(150, 400)),
        _table(rng, "tags", TAGS, rng.randrange(30, 90)),
        _table(rng, "badges", BADGES, rng.randrange(20, 60)),
        _table(rng, "nothing", NOTHING, 0),
        _table(rng, "single", SINGLE, 1),
        _profiles(rng),
        _table(rng, "links", LINKS, 60, home="graph", options={"source": "src", "target": "dst"}),
        _series(rng),
        _passages(rng),
    )


def _table(
    rng: Random,
    name: str,
    columns: tuple[Field, ...],
    rows: int,
    *,
    home: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Table:
    made = [_row(rng, columns) for _ in range(rows)]
    # one row in ten stands there twice
    made += [dict(rng.choice(made)) for _ in range(rows // 10)]
    rng.shuffle(made)
    schema = pa.schema([pa.field(c.name, c.type) for c in columns])
    return Table(name, pa.Table.from_pylist(made, schema), described(columns, made), home, options or {})


def _row(rng: Random, columns: tuple[Field, ...]) -> Row:
    return {c.name: None if rng.random() < c.nulls else c.make(rng) for c in columns}


def described(columns: tuple[Field, ...], rows: list[Row]) -> tuple[Column, ...]:
    """Return the columns with some of their values."""
    found = []
    for c in columns:
        samples = tuple(v for row in rows[:40] if (v := row.get(c.name)) is not None)
        found.append(Column(c.name, c.kind, c.domain, samples))
    return tuple(found)


_ADDRESS = (
    Column("city", Kind.TEXT, "name", NAMES),
    Column("zip", Kind.INT, "", (8000, 8001, 3011)),
    Column("geo.lat", Kind.FLOAT, "", (46.25, 47.5)),
)


def _profiles(rng: Random) -> Table:
    """Make documents: nested fields, and every field but the key missing in some."""
    documents = [_document(rng, number) for number in range(rng.randrange(30, 60))]
    # whatever the seed, every field is there once
    documents[0] |= {"person": 1, "name": "Ada", "labels": ["red", ""], "mixed": "text"}
    documents[0]["address"] = {"city": "Bo", "zip": 8000, "geo": {"lat": 46.25}}
    documents[1]["mixed"] = 1
    columns = (
        Column("_id", Kind.TEXT, "", tuple(d["_id"] for d in documents)),
        Column("person", Kind.INT, "person", tuple(d["person"] for d in documents if d.get("person"))),
        Column("name", Kind.TEXT, "name", NAMES),
        Column("address", Kind.NESTED, fields=_ADDRESS),
        Column("labels", Kind.LIST, "label", LABELS),
        Column("mixed", Kind.NESTED),
    )
    return Table("profiles", documents, columns, None, {"key": "_id"})


def _document(rng: Random, number: int) -> Row:
    made: Row = {"_id": f"d{number}"}
    if rng.random() < 0.8:
        made["person"] = person(rng)
    if rng.random() < 0.8:
        made["name"] = rng.choice((*NAMES, None))
    if rng.random() < 0.7:
        made["address"] = _address(rng)
    if rng.random() < 0.7:
        made["labels"] = rng.sample(LABELS, rng.randrange(4))
    if rng.random() < 0.5:
        made["mixed"] = rng.choice((1, "1", True, None, [1]))
    return made


def _address(rng: Random) -> Row | None:
    if rng.random() < 0.1:
        return None
    made: Row = {"city": rng.choice((*NAMES, None))}
    if rng.random() < 0.6:
        made["zip"] = rng.choice((8000, 8001, 3011, None))
    if rng.random() < 0.6:
        made["geo"] = {"lat": rng.choice((46.25, 47.5, None))}
    return made


def _series(rng: Random) -> Table:
    """Make a series that has one row per station and time at most, so that ASOF joins have one answer."""
    seen = {(row["station"], row["seen"]): row for row in (_row(rng, READINGS) for _ in range(150))}
    rows = list(seen.values())
    schema = pa.schema([pa.field(c.name, c.type) for c in READINGS])
    return Table("readings", pa.Table.from_pylist(rows, schema), described(READINGS, rows), "ts", {"time": "seen"})


def _passages(rng: Random) -> Table:
    rows = [_row(rng, PASSAGES) | {"passage_id": n, "vector": vector(rng)} for n in range(50)]
    kept = [pa.field(c.name, c.type) for c in PASSAGES]
    schema = pa.schema([*kept, pa.field("vector", pa.list_(pa.float32(), DIMENSIONS))])
    columns = (*described(PASSAGES, rows), Column("vector", Kind.NESTED, "vector"))
    options = {"key": "passage_id", "vector": "vector"}
    return Table("passages", pa.Table.from_pylist(rows, schema), columns, "vec", options)


def vector(rng: Random) -> list[float]:
    """Return a vector whose numbers are exact in 32 bits."""
    return [rng.randrange(-32, 33) / 32 for _ in range(DIMENSIONS)]
