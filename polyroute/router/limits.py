"""Limits on answers: rows, bytes, time. An answer that was cut says so."""

from __future__ import annotations

from dataclasses import dataclass

from polyroute.errors import invalid
from polyroute.result import Documents, QueryResult


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a connection; None means none.

    >>> Limits(max_rows=10).bounds_answers
    True
    """

    max_rows: int | None = None
    max_bytes: int | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_bytes", "timeout_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise invalid(f"{name} must be more than zero", hint="leave it out for no limit")

    @property
    def bounds_answers(self) -> bool:
        """Whether answers must be looked at before they are given out."""
        return self.max_rows is not None or self.max_bytes is not None

    def apply(self, result: QueryResult) -> None:
        """Cut a result to the limits, marking it as truncated."""
        keep = self._rows_kept(result)
        if keep < len(result):
            result._rows = result._rows[:keep] if result._rows is not None else None
            result._table = result._table.slice(0, keep) if result._table is not None else None
            if result._documents is not None:
                documents, table = result._documents.documents, result._documents.table
                result._documents = Documents(
                    documents[:keep], lambda: table().slice(0, keep), result._documents.columns
                )
            result.truncated = True

    def _rows_kept(self, result: QueryResult) -> int:
        keep = len(result)
        if self.max_rows is not None:
            keep = min(keep, self.max_rows)
        if self.max_bytes is not None and keep:
            size = max(1, result.to_arrow().nbytes)
            keep = min(keep, int(len(result) * self.max_bytes / size))
        return keep
