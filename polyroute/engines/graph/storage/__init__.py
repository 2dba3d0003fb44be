"""Graphs on disk: a manifest, segments of Arrow data, and the lock that writers stand behind."""

from polyroute.engines.graph.storage.changes import Change, append, delete_edges, delete_nodes, upsert
from polyroute.engines.graph.storage.manifest import GraphEntry, Manifest
from polyroute.engines.graph.storage.snapshot import GraphSnapshot
from polyroute.engines.graph.storage.store import GraphStore

__all__ = [
    "Change",
    "GraphEntry",
    "GraphSnapshot",
    "GraphStore",
    "Manifest",
    "append",
    "delete_edges",
    "delete_nodes",
    "upsert",
]
