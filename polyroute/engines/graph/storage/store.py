"""One folder of graphs, shared by every engine that stands on it: reads by snapshot, writes by commit.

Readers take no lock: one `stat` of the manifest tells whether anybody committed, and a snapshot is extended by the new
deltas or read again. A writer holds a file lock between processes and a thread lock within, works out its change
against the newest state, writes a segment, and commits by replacing the manifest. When the deltas of a graph have
grown, the write makes a new base instead. A file that no manifest names is what a crash left; a later write removes it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.graph.storage import manifest as manifests
from polyroute.engines.graph.storage.changes import Change
from polyroute.engines.graph.storage.manifest import GraphEntry, Manifest, Stamp
from polyroute.engines.graph.storage.segments import EDGES, NODES, Segment, read_segment, write_segment
from polyroute.engines.graph.storage.snapshot import GraphSnapshot
from polyroute.errors import DatabaseErrorCode, invalid, make_error, unknown_name

LOCK_FILE = "writer.lock"
PATIENCE_S = 30.0

_STEP_S = 0.01
_MAX_DELTAS = 64
_SMALL_ROWS = 4096
_READ_ATTEMPTS = 10


class GraphStore:
    """The graphs of one folder; safe to use from many threads and processes."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.read_only = read_only
        self._file = str(folder / manifests.FILE)
        self._prepare()
        self._file_lock = filelock.FileLock(folder / LOCK_FILE, thread_local=False)
        self._writing = threading.Lock()
        self._writer: int | None = None
        self._reading = threading.Lock()
        self._seen: Stamp | None = None
        self._manifest = Manifest.new()
        self._snapshots: dict[str, GraphSnapshot] = {}
        self.manifest()

    def manifest(self) -> Manifest:
        """Return the newest manifest, whoever committed it."""
        seen = manifests.stamp(self._file)
        if seen == self._seen:
            return self._manifest
        if seen is None:
            raise make_error(
                DatabaseErrorCode.ENGINE_UNAVAILABLE,
                f"the graphs in {self.folder.name!r} were removed by somebody else",
                hint="put the folder back, or open the engine again",
            )
        with self._reading:
            self._manifest, self._seen = manifests.read_manifest(self.folder), seen
            return self._manifest

    def entry(self, name: str) -> GraphEntry:
        """Return the entry of a graph; QUERY_INVALID, naming the nearest, when there is none."""
        graphs = self.manifest().graphs
        if name not in graphs:
            raise unknown_name("graph", name, graphs)
        return graphs[name]

    def snapshot(self, name: str) -> GraphSnapshot:
        """Return the newest state of a graph."""
        for _ in range(_READ_ATTEMPTS):
            entry = self.entry(name)
            held = self._snapshots.get(name)
            if held is not None and held.entry.version == entry.version and held.entry.folder == entry.folder:
                return held
            try:
                with self._reading:
                    made = self._read(entry, self._snapshots.get(name))
                    self._snapshots[name] = made
                    return made
            except FileNotFoundError:
                # Another process made a new base and removed the segments of the manifest we had just read.
                self._seen = None
        raise make_error(
            DatabaseErrorCode.ENGINE_UNAVAILABLE,
            f"files of the graph {name!r} are missing",
            hint="put them back from a backup, or drop the graph and load it again",
        )

    @contextmanager
    def writer(self, call: Call) -> Iterator[None]:
        """Keep all other writers out; QUERY_TIMEOUT or ENGINE_OVERLOADED when they do not leave in time."""
        if self.read_only:
            raise invalid("the graphs were opened read-only", hint="open the engine without read_only")
        if self._writer == threading.get_ident():
            raise invalid("one load cannot write twice to one graph folder", hint="name each engine once")
        until = time.monotonic() + PATIENCE_S
        self._wait(lambda: self._writing.acquire(timeout=_STEP_S), until, call)
        self._writer = threading.get_ident()
        try:
            self._wait(self._take_file_lock, until, call)
            try:
                self.manifest()
                yield
            finally:
                self._file_lock.release()
        finally:
            self._writer = None
            self._writing.release()

    def commit_base(
        self,
        name: str,
        entry: GraphEntry,
        edges: pa.Table,
        nodes: pa.Table,
        *,
        before_commit: Callable[[], object] = lambda: None,
        key: str | None = None,
        affected: int = 0,
    ) -> None:
        """Store a graph anew: all its edges and nodes in one segment. Call it inside `writer`."""
        segment = self._write(entry.folder, {EDGES: edges, NODES: nodes}, base=True)
        before_commit()
        fresh = replace(entry, edge_count=edges.num_rows, segments=(segment,))
        self._commit(name, fresh, key, affected)
        self._snapshots[name] = GraphSnapshot(self.manifest().graphs[name], edges, nodes)
        self._sweep()

    def commit_change(
        self,
        name: str,
        held: GraphSnapshot,
        change: Change,
        *,
        before_commit: Callable[[], object] = lambda: None,
        key: str | None = None,
    ) -> None:
        """Store a change of the newest snapshot as a delta, or the changed graph when its deltas have grown."""
        after = held.changed(change, held.entry)
        if self._has_grown(held.entry, change):
            edges, nodes = after.edges.combine_chunks(), after.stored_nodes.combine_chunks()
            self.commit_base(
                name, held.entry, edges, nodes, before_commit=before_commit, key=key, affected=change.affected
            )
            return
        segment = self._write(held.entry.folder, change.parts(), base=False)
        before_commit()
        entry = replace(held.entry, edge_count=after.edges.num_rows, segments=(*held.entry.segments, segment))
        self._commit(name, entry, key, change.affected)
        self._snapshots[name] = GraphSnapshot(self.manifest().graphs[name], after.edges, after.stored_nodes)

    def drop(self, name: str) -> None:
        """Remove a graph. Call it inside `writer`."""
        self.entry(name)
        self._commit(name, None, None, 0)
        self._snapshots.pop(name, None)
        self._sweep()

    def close(self) -> None:
        """Forget what is in memory; everything is on the disk already."""
        self._snapshots.clear()

    def _prepare(self) -> None:
        """Make the folder, or see that it is one of ours."""
        folder = self.folder
        if not folder.exists():
            if self.read_only or not folder.parent.is_dir():
                missing = folder if folder.parent.is_dir() else folder.parent
                raise make_error(
                    DatabaseErrorCode.ENGINE_CONNECTION_FAILED,
                    f"the folder {missing.name!r} does not exist",
                    hint="make it first, or correct the path",
                )
            folder.mkdir(exist_ok=True)
        if not folder.is_dir():
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED,
                f"{folder.name!r} is a file; graphs live in a folder",
                hint="name a folder, such as networkx:///graphs",
            )
        ours = re.compile(rf"g-.*|{re.escape(LOCK_FILE)}|{re.escape(manifests.FILE)}.*")
        foreign = [held.name for held in folder.iterdir() if not ours.fullmatch(held.name)]
        if foreign and manifests.stamp(self._file) is None:
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED,
                f"the folder {folder.name!r} holds other files and no graphs",
                hint="name an empty folder, or one that does not exist yet",
            )

    def _wait(self, take: Callable[[], bool], until: float, call: Call) -> None:
        while not take():
            call.check()
            if time.monotonic() > until:
                raise make_error(
                    DatabaseErrorCode.ENGINE_OVERLOADED,
                    f"another writer has held the graphs for {PATIENCE_S:g} s",
                    hint="try again when it is done",
                )

    def _take_file_lock(self) -> bool:
        try:
            self._file_lock.acquire(blocking=False)
        except filelock.Timeout:
            time.sleep(_STEP_S)
            return False
        return True

    def _read(self, entry: GraphEntry, held: GraphSnapshot | None) -> GraphSnapshot:
        """Read a graph; where the held snapshot is an earlier state of it, only what came after."""
        folder = self.folder / entry.folder
        known = () if held is None else held.entry.segments
        if held is None or held.entry.folder != entry.folder or entry.segments[: len(known)] != known:
            base = read_segment(folder, entry.segments[0])
            edges = base.get(EDGES, entry.edges.empty_table())
            nodes = base.get(NODES, entry.nodes.empty_table())
            held, known = GraphSnapshot(entry, edges, nodes), entry.segments[:1]
        for segment in entry.segments[len(known) :]:
            change = Change.from_parts(read_segment(folder, segment), entry.edges, entry.nodes)
            held = held.changed(change, entry)
        return GraphSnapshot(entry, held.edges, held.stored_nodes)

    def _write(self, folder: str, parts: dict[str, pa.Table], *, base: bool) -> Segment:
        file = f"{'base' if base else 'delta'}-{self._manifest.commit + 1}.arrow"
        return write_segment(self.folder / folder, file, parts)

    def _commit(self, name: str, entry: GraphEntry | None, key: str | None, affected: int) -> None:
        following = self.manifest().with_graph(name, entry, key=key, affected=affected)
        manifests.write_manifest(self.folder, following, self._seen)
        with self._reading:
            self._manifest, self._seen = following, manifests.stamp(self._file)

    def _has_grown(self, entry: GraphEntry, change: Change) -> bool:
        base, *deltas = entry.segments
        rows = sum(segment.rows for segment in deltas) + change.rows
        return len(deltas) >= _MAX_DELTAS or rows > max(_SMALL_ROWS, base.rows // 2)

    def _sweep(self) -> None:
        """Remove what no manifest names: superseded segments, dropped graphs, what a crash left."""
        named = {entry.folder: {segment.file for segment in entry.segments} for entry in self._manifest.graphs.values()}
        for folder in self.folder.glob("g-*"):
            if folder.name not in named:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            for file in folder.iterdir():
                if file.name not in named[folder.name]:
                    file.unlink(missing_ok=True)


def folder_name(graph: str, commit: int) -> str:
    """Make the name of a graph's folder: readable, safe in every file system, of its own for every creation.

    >>> folder_name("routes/2008", 3)
    'g-routes_2008-3-e542975a'
    """
    readable = re.sub(r"[^A-Za-z0-9_]", "_", graph)[:40]
    return f"g-{readable}-{commit}-{hashlib.blake2s(graph.encode(), digest_size=4).hexdigest()}"
