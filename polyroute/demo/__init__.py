"""The demo: real data in six engines, three questions, and an engine that is lost on purpose."""

from __future__ import annotations

from polyroute.demo.folder import DemoFolder
from polyroute.demo.story import run

__all__ = ["DemoFolder", "run"]
