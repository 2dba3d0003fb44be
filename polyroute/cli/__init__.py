"""The `polyroute` command: a thin door to one connection, with a file per command."""

from __future__ import annotations

from polyroute.cli.app import main

__all__ = ["main"]
