"""The operation of every engine: read a dataset whole, or a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyroute.arguments import check_count, check_params, check_text
from polyroute.operations.base import Operation, operation

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter


@operation("any")
@dataclass(frozen=True, slots=True)
class Scan(Operation):
    """Read a whole dataset: columns, a filter, an order, a limit. `part` is 'nodes' or 'edges' of a graph."""

    columns: tuple[str, ...] | None = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    order: str | Sequence[object] | None = None
    limit: int | None = None
    part: str | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        if self.part is not None:
            check_text("part", self.part, "part='nodes'")
        if self.limit is not None:
            check_count("limit", self.limit, 0)
