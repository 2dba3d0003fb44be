"""How large the result cache may grow and how long it may believe what nobody can check."""

from __future__ import annotations

from dataclasses import dataclass

from polyroute.arguments import check_count, check_flag, check_seconds


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The section `[cache]` of a configuration.

    `max_entries` and `max_bytes` bound what is held. The times only matter where an engine cannot tell whether its data
    have changed: an answer from there is believed for `ttl_s` seconds, and for `busy_ttl_s` where the data are written
    often.

    Raises QUERY_INVALID for a limit that is not positive.

    >>> CacheSettings(max_entries=10).ttl_s
    300.0
    """

    enabled: bool = True
    max_entries: int = 1_000
    max_bytes: int = 64 * 1024 * 1024
    ttl_s: float = 300.0
    busy_ttl_s: float = 60.0

    def __post_init__(self) -> None:
        check_flag("enabled", self.enabled)
        check_count("max_entries", self.max_entries, 1)
        check_count("max_bytes", self.max_bytes, 1)
        check_seconds("ttl_s", self.ttl_s)
        check_seconds("busy_ttl_s", self.busy_ttl_s)
