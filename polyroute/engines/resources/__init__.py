"""What engines share: one instance per file or server, its epoch, and the in-process DuckDB for what is left undone."""

from polyroute.engines.resources.shared import Resource, acquire, acquire_temporary

__all__ = ["Resource", "acquire", "acquire_temporary"]
