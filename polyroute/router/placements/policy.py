"""When a replica is refreshed: after each write to its primary, every so often, or when somebody says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from polyroute.errors import invalid

_EVERY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)\s*")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """'on_write', 'manual', or a time such as '5m', which `every_s` gives in seconds.

    >>> RefreshPolicy.parse("5m").every_s, RefreshPolicy.parse("on_write").every_s
    (300.0, None)
    """

    text: str
    every_s: float | None = None

    @property
    def automatic(self) -> bool:
        """Whether the replica is refreshed without being told."""
        return self.text != "manual"

    @classmethod
    def parse(cls, text: str) -> RefreshPolicy:
        """Read a policy; QUERY_INVALID for what is none."""
        if text in ("on_write", "manual"):
            return cls(text)
        found = _EVERY.fullmatch(text) if isinstance(text, str) else None
        seconds = 0.0 if found is None else float(found[1]) * _SECONDS[found[2]]
        if seconds <= 0:
            raise invalid(
                "refresh is 'on_write', 'manual' or a time such as '5m'", hint="write for instance refresh='90s'"
            )
        return cls(text.strip(), seconds)


MANUAL = RefreshPolicy("manual")
