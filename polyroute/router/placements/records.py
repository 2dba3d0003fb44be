"""What only the coordinator knows of datasets in several engines, and its file in the state folder.

States of engines mean nothing to another process, so a copy is kept with what tells its state to a later one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyroute.errors import invalid
from polyroute.router.placements.copies import Copy
from polyroute.router.placements.policy import RefreshPolicy
from polyroute.router.state import write_atomically


@dataclass(slots=True)
class Record:
    """What the coordinator knows of one dataset's copies: engine ids, the primary first, and the stale ones."""

    engines: list[str]
    stale: list[str] = field(default_factory=list)
    copies: dict[str, Copy] = field(default_factory=dict)

    def copy(self, engine_id: str) -> Copy:
        """Return what is known of one copy."""
        return self.copies.setdefault(engine_id, Copy())


def read_records(path: Path | None) -> dict[str, Record]:
    """Return what the state folder knows; QUERY_INVALID, with the way out, when it cannot be read."""
    if path is None or not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {name: _record_from(record) for name, record in stored.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        aside = path.with_suffix(".damaged")
        raise invalid(
            f"{path.name} in the state folder cannot be read",
            hint=f"move it aside, say to {aside.name}: no data is lost, replicas become datasets of their own",
        ) from exc


def write_records(path: Path | None, records: Mapping[str, Record]) -> None:
    """Write what is known into the state folder, whole or not at all."""
    if path is not None:
        stored = {name: _stored(record) for name, record in records.items()}
        write_atomically(path, json.dumps(stored, indent=1))


def _stored(record: Record) -> dict[str, object]:
    copies = {
        engine_id: {"refresh": copy.policy.text, "copied_at": copy.copied_at, "lasting": copy.lasting}
        for engine_id, copy in record.copies.items()
    }
    return {"engines": record.engines, "stale": record.stale, "copies": copies}


def _record_from(stored: Mapping[str, Any]) -> Record:
    record = Record(list(stored["engines"]), list(stored["stale"]))
    for engine_id, kept in stored.get("copies", {}).items():
        copy = record.copy(engine_id)
        copy.policy = RefreshPolicy.parse(kept["refresh"])
        copy.copied_at = kept["copied_at"]
        if kept["lasting"] is not None:
            primary, own = kept["lasting"]
            copy.lasting = (str(primary), str(own))
    return record
