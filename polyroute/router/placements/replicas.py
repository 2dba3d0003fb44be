"""Replicas as a person handles them: make one, bring it up to date, take it away; the coordinator inherits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyroute.engines import Engine
from polyroute.engines.execution import translated
from polyroute.engines.resources.shared import naming
from polyroute.errors import invalid, unknown_name
from polyroute.query import DEFAULT_REQUIREMENTS
from polyroute.router.cancellation import new_call
from polyroute.router.catalog import Catalog, Entry, Placement
from polyroute.router.health import Finding
from polyroute.router.placements.copying import check_target, copy_dataset
from polyroute.router.placements.policy import RefreshPolicy
from polyroute.router.placements.refreshing import Refresher

if TYPE_CHECKING:
    from polyroute.engines.loading.loader import LoadReport


class ReplicaMethods:
    """Replicate, refresh, unreplicate."""

    read_only: bool
    catalog: Catalog
    _engines: dict[str, Engine]
    _refresher: Refresher

    def replicate(
        self,
        dataset: str,
        *,
        to: str,
        refresh: str = "on_write",
        show_progress: bool | None = None,
        timeout_s: float | None = None,
    ) -> LoadReport:
        """Copy a dataset into another engine, which may then answer for it as long as the copy is current.

        `refresh` tells when the copy is made anew: 'on_write' after every change of the primary, by whomever; a time
        such as '5m' when that is over and the primary has changed; 'manual' by `refresh()`. Where the engine holds a
        copy already, it is made anew and its policy changed. Readers see the old copy or the new one.

        Raises QUERY_INVALID where the engine cannot hold the dataset or holds another one of the name, and what the
        engines raise; then nothing has changed.

        >>> import polyroute
        >>> with polyroute.connect({"rel": "sqlite://", "olap": "duckdb://"}) as db:
        ...     _ = db.load("airports", [{"iata": "JFK"}], engine="rel", key="iata")
        ...     print(db.replicate("airports", to="olap", refresh="manual").rows)
        ...     [p.engine.id for p in db.datasets["airports"].placements]
        1
        ['rel', 'olap']
        """
        self._check_writable("replicate")
        policy = RefreshPolicy.parse(refresh)
        entry = self.catalog.resolve(dataset)
        primary = self._primary(entry)
        if to not in self._engines:
            raise unknown_name("engine", to, self._engines)
        target = self._engines[to]
        check_target(entry.name, entry.dataset, primary, target)
        known = any(p.engine is target for p in entry.placements)
        if not known and entry.name in target.datasets():
            raise invalid(
                f"{to} holds another dataset {entry.name!r} already", hint="drop it there, or choose another engine"
            )
        call = new_call(DEFAULT_REQUIREMENTS, timeout_s)
        new = self.catalog.announce_copy(entry.name, primary.id, to)
        try:
            report, state = copy_dataset(entry.name, primary, target, call, show_progress=show_progress)
            self.catalog.record_copy(entry.name, to, policy, state)
        except BaseException:
            if new:
                self.catalog.forget_copy(entry.name, to)
            raise
        self._refresher.start()
        return report

    def refresh(
        self, dataset: str, *, show_progress: bool | None = None, timeout_s: float | None = None
    ) -> list[LoadReport]:
        """Bring the replicas of a dataset up to its primary, and return what was copied: nothing where all are current.

        Raises what the engines raise; the replica is then not read until a refresh succeeds.
        """
        self._check_writable("refresh")
        entry = self.catalog.resolve(dataset)
        self._primary(entry)
        call = new_call(DEFAULT_REQUIREMENTS, timeout_s)
        reports: list[LoadReport] = []
        for placement in entry.placements:
            if not placement.primary:
                reports += self._refresher.refresh(entry.name, placement, call, show_progress=show_progress)
        return reports

    def refresh_due(self) -> list[LoadReport]:
        """Refresh now the replicas that the background would refresh soon, and return what was copied."""
        self._check_writable("refresh_due")
        return self._refresher.refresh_due()

    def unreplicate(self, dataset: str, *, engine: str) -> None:
        """Remove the replica of a dataset from an engine; the primary and other replicas stay.

        Raises QUERY_INVALID when the engine holds no replica of it.
        """
        self._check_writable("unreplicate")
        entry = self.catalog.resolve(dataset)
        found = [p for p in entry.placements if p.engine.id == engine and not p.primary]
        if not found:
            held = [p.engine.id for p in entry.placements if not p.primary]
            raise unknown_name(f"replica of {entry.name!r}", engine, held)
        target = found[0].engine
        # from here on nobody reads it: an engine that fails half-way leaves a dataset of its own behind, or none
        self.catalog.forget_copy(entry.name, engine)
        with translated(target), naming([entry.name]), target.resource.writing():
            target.drop(entry.name, new_call(DEFAULT_REQUIREMENTS, None))
        self.catalog.refresh()

    def _primary(self, entry: Entry) -> Engine:
        if not entry.primary.primary:
            raise invalid(
                f"the primary of {entry.name!r} is not here, or the name means one replica only",
                hint="register the primary's engine, and leave the engine out of the name",
            )
        return entry.primary.engine

    def _check_writable(self, what: str) -> None:
        if self.read_only:
            raise invalid(f"{what} writes, and the connection is read-only", hint="connect with read_only=False")


def replica_findings(copies: list[tuple[str, Placement]]) -> list[Finding]:
    """Return the replicas that could not be refreshed, for a health report."""
    return [
        Finding(
            placement.engine.id,
            f"the replica of {name} could not be refreshed ({placement.copy.error}) and is not read",
            f"look at {placement.engine.id}, then db.refresh({name!r}); it is also tried again by itself"
            if placement.copy.policy.automatic
            else f"look at {placement.engine.id}, then db.refresh({name!r})",
        )
        for name, placement in copies
        if placement.copy is not None and placement.copy.error is not None
    ]
