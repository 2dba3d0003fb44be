"""Read openCypher TCK cases: graphs to snapshots, expected cells to comparable values, answers to the same form."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyroute.engines.graph.cypher import CypherGraph
from polyroute.engines.graph.storage import GraphEntry, GraphSnapshot
from polyroute.sql.types import JSON

KEY, LABELS, SOURCE, TARGET, TYPE = "_key", "_labels", "_source", "_target", "_type"
SHARED = Path(os.environ.get("POLYROUTE_SHARED", Path(__file__).parents[5] / "shared"))
CASES = SHARED / "suites" / "opencypher_tck" / "cases.jsonl"


def cases() -> list[dict[str, Any]]:
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} or kinds <= {float} or kinds <= {str} or kinds <= {bool}:
        return pa.array(values)
    texts = [None if value is None else json.dumps(value) for value in values]
    return pa.ExtensionArray.from_storage(JSON, pa.array(texts, pa.string()))


def table(rows: list[dict[str, Any]], fixed: dict[str, pa.Array]) -> pa.Table:
    keys = dict.fromkeys(key for row in rows for key in row["properties"])
    return pa.table({**fixed, **{key: column([row["properties"].get(key) for row in rows]) for key in keys}})


def graph_of(graph: dict[str, Any]) -> CypherGraph:
    nodes, edges = graph["nodes"], graph["edges"]
    node_table = table(
        nodes,
        {
            KEY: pa.array([node["id"] for node in nodes], pa.int64()),
            LABELS: pa.array([node["labels"] for node in nodes], pa.list_(pa.string())),
        },
    )
    edge_table = table(
        edges,
        {
            SOURCE: pa.array([edge["src"] for edge in edges], pa.int64()),
            TARGET: pa.array([edge["dst"] for edge in edges], pa.int64()),
            TYPE: pa.array([edge["type"] for edge in edges], pa.string()),
        },
    )
    roles = {"source": SOURCE, "target": TARGET, "node_key": KEY, "label": LABELS, "type": TYPE}
    entry = GraphEntry.new("g", edge_table.schema, node_table.schema, roles, listed=True)
    return CypherGraph(GraphSnapshot(entry, edge_table, node_table))


class Cells:
    """A parser of expected cells: literals, (:Label {k: v}), [:TYPE {k: v}], <path>."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    @classmethod
    def read(cls, text: str) -> Any:
        cells = cls(text)
        value = cells.value()
        assert cells.place == len(text), text
        return value

    def take(self, pattern: str) -> str | None:
        found = re.compile(r"\s*" + pattern).match(self.text, self.place)
        if found is None:
            return None
        self.place = found.end()
        return found[0].strip()

    def value(self) -> Any:
        for word, value in (("true", True), ("false", False), ("null", None), ("NaN", "NaN")):
            if self.take(word + r"\b"):
                return value
        number = self.take(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
        if number is not None:
            return float(number) if re.search(r"[.eE]", number) else int(number)
        text = self.take(r"'(?:[^'\\]|\\.)*'")
        if text is not None:
            return text[1:-1].replace("\\n", "\n").replace("\\'", "'").replace("\\\\", "\\")
        if self.take(r"\("):
            return self.node()
        if self.take(r"\[(?=:)"):
            return self.relationship()
        if self.take(r"<"):
            return self.path()
        if self.take(r"\["):
            return ["list", *self.items(r"\]", self.value)]
        assert self.take(r"\{"), self.text[self.place :]
        return ["map", dict(self.items(r"\}", self.pair))]

    def items(self, closing: str, read: Any) -> list[Any]:
        found = []
        while not self.take(closing):
            found.append(read())
            self.take(",")
        return found

    def pair(self) -> tuple[str, Any]:
        key = self.take(r"\w+")
        self.take(":")
        return str(key), self.value()

    def properties(self) -> dict[str, Any]:
        return dict(self.items(r"\}", self.pair)) if self.take(r"\{") else {}

    def node(self) -> Any:
        labels = []
        while self.take(":"):
            labels.append(self.take(r"\w+"))
        found = ["node", tuple(sorted(map(str, labels))), self.properties()]
        assert self.take(r"\)")
        return found

    def relationship(self) -> Any:
        self.take(":")
        found = ["relationship", self.take(r"\w+"), self.properties()]
        assert self.take(r"\]")
        return found

    def path(self) -> Any:
        found: list[Any] = ["path"]
        while not self.take(">"):
            backward = bool(self.take(r"<-"))
            if not backward:
                self.take("-")
            if self.take(r"\("):
                found.append(self.node())
                continue
            assert self.take(r"\["), self.text
            found.append([*self.relationship(), "in" if backward else "out"])
            self.take(r"->|-")
        return found


def cleaned(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: shown(value) for key, value in properties.items() if key != KEY}


def shown(value: Any) -> Any:
    """Bring an answer to the form of the cells."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, list):
        return ["list", *map(shown, value)]
    if not isinstance(value, dict):
        return value
    if set(value) == {"id", "labels", "properties"}:
        return ["node", tuple(sorted(value["labels"])), cleaned(value["properties"])]
    if set(value) == {"id", "type", "start", "end", "properties"}:
        return ["relationship", value["type"], cleaned(value["properties"])]
    if set(value) == {"nodes", "relationships"}:
        return path_shown(value)
    return ["map", {key: shown(item) for key, item in value.items()}]


def path_shown(path: dict[str, Any]) -> Any:
    found: list[Any] = ["path", shown(path["nodes"][0])]
    here = path["nodes"][0]["id"]
    for node, relationship in zip(path["nodes"][1:], path["relationships"], strict=True):
        direction = "out" if relationship["start"] == here else "in"
        found += [[*shown(relationship), direction], shown(node)]
        here = node["id"]
    return found


def form(value: Any, *, loose_lists: bool) -> str:
    """Return a comparable text: types kept apart, floats rounded, lists sorted where their order does not matter."""
    if isinstance(value, list):
        items = [form(item, loose_lists=loose_lists) for item in value[1:]]
        return f"{value[0]}[{', '.join(sorted(items) if loose_lists and value[0] == 'list' else items)}]"
    if isinstance(value, dict):
        return str(sorted((key, form(item, loose_lists=loose_lists)) for key, item in value.items()))
    return f"{value:.6e}" if isinstance(value, float) else repr(value)
