"""Segments: the files that hold a graph's data. A base holds all of it, a delta what one write added and removed.

A segment is a row of Arrow IPC streams, one per part that is not empty, so every Arrow type comes back as it was. It
is written once, flushed to the disk, and never changed; its size and checksum stand in the manifest, so that a damaged
file is noticed instead of read.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from polyroute.errors import DatabaseErrorCode, make_error

EDGES = "edges"
NODES = "nodes"
REMOVED_EDGES = "removed_edges"
REMOVED_NODES = "removed_nodes"

_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


@dataclass(frozen=True, slots=True)
class Segment:
    """Where one segment lies: its file in the graph's folder, size in bytes, checksum, rows, and part -> byte span."""

    file: str
    size: int
    checksum: int
    rows: int
    parts: Mapping[str, tuple[int, int]]


def write_segment(folder: Path, file: str, parts: Mapping[str, pa.Table]) -> Segment:
    """Write the parts that have rows to a new file and flush it to the disk; return what the manifest must know."""
    spans: dict[str, tuple[int, int]] = {}
    body = pa.BufferOutputStream()
    for name, table in parts.items():
        if table.num_rows == 0:
            continue
        start = body.tell()
        with pa.ipc.new_stream(body, table.schema, options=_OPTIONS) as stream:
            stream.write_table(table)
        spans[name] = (start, body.tell() - start)
    content = body.getvalue()
    folder.mkdir(exist_ok=True)
    with (folder / file).open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    sync_folder(folder)
    rows = sum(table.num_rows for table in parts.values())
    return Segment(file, content.size, zlib.crc32(content), rows, spans)


def read_segment(folder: Path, segment: Segment) -> dict[str, pa.Table]:
    """Read the parts of a segment; raise FileNotFoundError when it is gone, ENGINE_UNAVAILABLE when it is damaged."""
    with (folder / segment.file).open("rb") as source:
        content = source.read()
    if len(content) != segment.size or zlib.crc32(content) != segment.checksum:
        raise make_error(
            DatabaseErrorCode.ENGINE_UNAVAILABLE,
            f"the graph file {segment.file!r} is damaged: its checksum is wrong",
            hint="put it back from a backup, or drop the graph and load it again",
        )
    whole = pa.py_buffer(content)
    parts = {}
    for name, (start, length) in segment.parts.items():
        with pa.ipc.open_stream(whole.slice(start, length)) as stream:
            parts[name] = stream.read_all()
    return parts


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a new or replaced name survives a crash."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
