"""Engine URLs: `scheme:///relative/path`, `scheme:////absolute/path`, `scheme://` for a temporary place,
`?option=value` behind.

As in SQLAlchemy, three slashes begin a relative path and four an absolute one. Servers have
`user:password@host:port/name`; a password never shows in `repr` or in a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from polyroute.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class EngineURL:
    """The parts of an engine's address; `path` is None for a temporary place.

    >>> EngineURL.parse("sqlite:///air.db").path.name
    'air.db'
    >>> EngineURL.parse("duckdb://").path is None
    True
    """

    scheme: str
    path: Path | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, text: str, *, base: Path | None = None) -> EngineURL:
        """Parse an address; a relative path is taken from `base` (default: the working directory).

        Raises QUERY_INVALID when the text is no address.
        """
        if "://" not in text:
            raise invalid(
                "an engine address needs a scheme, such as 'sqlite:///file.db'",
                hint="sqlite, duckdb, tinydb, document+sqlite, networkx, lancedb or timeseries+duckdb, then :///path",
            )
        scheme, rest = text.split("://", 1)
        try:
            parts = urlsplit("//" + rest)
            port = parts.port
        except ValueError as exc:
            raise invalid(
                f"the address of scheme {scheme!r} cannot be read",
                hint="write scheme:///path or scheme://host:port/name",
            ) from exc
        options = MappingProxyType(dict(parse_qsl(parts.query, keep_blank_values=True)))
        raw = unquote(parts.path)
        path = None
        if raw.startswith("//"):
            path = Path(raw[1:])
        elif len(raw) > 1:
            path = (base or Path.cwd()) / raw[1:]
        return cls(scheme, path, parts.hostname, port, parts.username, parts.password, options)

    def __str__(self) -> str:
        if self.host is None:
            return f"{self.scheme}:///{self.path}" if self.path else f"{self.scheme}://"
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}/{self.path.name if self.path else ''}"
