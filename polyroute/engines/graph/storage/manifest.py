"""The manifest: one small JSON file that says which graphs the folder holds and which segments each is made of.

A commit writes a new manifest beside the old one, flushes it and renames it over the old, which is atomic. So a reader
sees all of a write or nothing, and a crash at any point leaves either the old state or the new. Commits are numbered;
the number is in the file's modification time too, which makes one `stat` enough to notice another process's commit.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from polyroute.engines.graph.storage.segments import Segment, sync_folder
from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.sql.types import pack_schema, unpack_schema

FILE = "manifest.json"
FORMAT = 1
REMEMBERED_KEYS = 512

Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class GraphEntry:
    """One graph: its roles, packed schemas, version (the commit that last changed it) and segments, base first.

    `listed` tells whether a node table was loaded; without one the nodes are those of the edges.
    """

    folder: str
    version: int
    edge_schema: str
    node_schema: str
    roles: Mapping[str, str]
    listed: bool
    edge_count: int
    segments: tuple[Segment, ...]

    @classmethod
    def new(
        cls, folder: str, edges: pa.Schema, nodes: pa.Schema, roles: Mapping[str, str], *, listed: bool
    ) -> GraphEntry:
        """Make the entry of a graph that holds nothing yet."""
        return cls(folder, 0, pack_schema(edges), pack_schema(nodes), dict(roles), listed, 0, ())

    @property
    def edges(self) -> pa.Schema:
        """The schema of the edges."""
        return unpack_schema(self.edge_schema)

    @property
    def nodes(self) -> pa.Schema:
        """The schema of the nodes."""
        return unpack_schema(self.node_schema)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state of a folder after one commit. `keys` maps the idempotency keys of the last writes to rows affected."""

    store: str
    commit: int = 0
    graphs: Mapping[str, GraphEntry] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def new(cls) -> Manifest:
        """Make the manifest of a new folder; `store` tells it from every other folder."""
        return cls(uuid.uuid4().hex)

    def with_graph(self, name: str, entry: GraphEntry | None, *, key: str | None = None, affected: int = 0) -> Manifest:
        """Return the next commit, in which one graph is replaced, or gone (None)."""
        graphs = {held: kept for held, kept in self.graphs.items() if held != name}
        if entry is not None:
            graphs[name] = replace(entry, version=self.commit + 1)
        keys = dict(self.keys)
        if key is not None:
            keys[key] = affected
        while len(keys) > REMEMBERED_KEYS:
            del keys[next(iter(keys))]
        return Manifest(self.store, self.commit + 1, graphs, keys)


def stamp(file: str | Path) -> Stamp | None:
    """Return what identifies a manifest file as it is now, or None where there is none."""
    try:
        seen = os.stat(file)
    except FileNotFoundError:
        return None
    return (seen.st_mtime_ns, seen.st_ino, seen.st_size)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; raise ENGINE_UNAVAILABLE, leaving it untouched, when it cannot be understood."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        held = content["format"]
        if held != FORMAT:
            raise _unreadable(f"is of format {held}, this release reads {FORMAT}", "open it with a newer release")
        graphs = {name: _entry(entry) for name, entry in content["graphs"].items()}
        return Manifest(content["store"], content["commit"], graphs, content["keys"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _unreadable("is damaged", "put it back from a backup, or choose another folder") from exc


def write_manifest(folder: Path, manifest: Manifest, previous: Stamp | None) -> None:
    """Put a manifest in place of the previous one, atomically and for good."""
    content = {"format": FORMAT, **asdict(manifest)}
    temporary = folder / f"{FILE}.new"
    with temporary.open("w", encoding="utf-8") as out:
        json.dump(content, out)
        out.flush()
        os.fsync(out.fileno())
    # Two commits within one tick of the file system's clock would look alike to a reader; their times must differ.
    now = max(time.time_ns(), previous[0] + 1_000 if previous else 0)
    os.utime(temporary, ns=(now, now))
    os.replace(temporary, folder / FILE)
    sync_folder(folder)


def _entry(content: dict[str, Any]) -> GraphEntry:
    segments = tuple(
        Segment(**{**held, "parts": {name: tuple(span) for name, span in held["parts"].items()}})
        for held in content["segments"]
    )
    return GraphEntry(**{**content, "segments": segments})


def _unreadable(problem: str, hint: str) -> PolyrouteError:
    return make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, f"the graph manifest {problem}", hint=hint)
