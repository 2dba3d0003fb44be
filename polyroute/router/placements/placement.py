"""Where a dataset lies: its placements, the primary and the replicas, as the router sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyroute.engines import Dataset, Engine
from polyroute.router.placements.copies import Copy, Lag


@dataclass(slots=True)
class Placement:
    """One dataset in one engine.

    `overtaken` means that the primary was written through the coordinator since; what else is known of a replica is in
    its `copy`, and `source` is its primary. `freshness` is what an answer from here says of itself.
    """

    engine: Engine
    dataset: Dataset
    primary: bool = True
    overtaken: bool = False
    copy: Copy | None = None
    source: Engine | None = None
    freshness: str = "current"

    @property
    def stale(self) -> bool:
        """Whether the primary may have been written since this copy of it was made."""
        return self.behind() is not None

    def behind(self) -> Lag | None:
        """Tell why this placement may not stand for its primary now, or None when it may.

        What the caller's own connection wrote must be seen by it, however old a state it would take.
        """
        if self.overtaken:
            return Lag("its copy is older than the primary")
        if self.copy is None or self.source is None:
            return None
        return self.copy.behind(self.dataset.name, self.source, self.engine)


@dataclass(slots=True)
class Entry:
    """A logical dataset: its schema, kind, roles (those of the primary) and its placements, the primary first."""

    name: str
    dataset: Dataset
    placements: list[Placement] = field(default_factory=list)

    @property
    def primary(self) -> Placement:
        """The placement that takes the writes."""
        return self.placements[0]
