"""Operations on tables: point reads, SQL in one engine, upserts, deletes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyroute.arguments import check_choice, check_params, check_target, check_text
from polyroute.operations.base import Operation, operation

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter


@operation("relational")
@dataclass(frozen=True, slots=True)
class RelationalQuery(Operation):
    """Ask one engine in SQL; `dialect='native'` sends the text as it is to the engine that the routing names."""

    sql: str = ""
    params: Mapping[str, object] | Sequence[object] | None = None
    dialect: str = "polyroute"

    def __post_init__(self) -> None:
        check_text("sql", self.sql, "'SELECT * FROM airports'")
        check_params(self.params, by_position=True)
        check_choice("dialect", self.dialect, ("polyroute", "native"))


@operation("relational")
@dataclass(frozen=True, slots=True)
class RelationalGet(Operation):
    """Read the row of one key; a composite key is a tuple in the key's column order."""

    key: object
    columns: tuple[str, ...] | None = None


@operation("relational", writes=True)
@dataclass(frozen=True, slots=True)
class RelationalExecute(Operation):
    """Run INSERT, UPDATE or DELETE on one engine; `dialect='native'` also admits the engine's own DDL."""

    sql: str = ""
    params: Mapping[str, object] | Sequence[object] | None = None
    dialect: str = "polyroute"

    def __post_init__(self) -> None:
        check_text("sql", self.sql, "'SELECT * FROM airports'")
        check_params(self.params, by_position=True)
        check_choice("dialect", self.dialect, ("polyroute", "native"))


@operation("relational", writes=True)
@dataclass(frozen=True, slots=True)
class RelationalUpsert(Operation):
    """Insert rows, or replace those whose key is held already."""

    rows: object


@operation("relational", writes=True)
@dataclass(frozen=True, slots=True)
class RelationalDelete(Operation):
    """Delete the rows of some keys, or those that pass a filter; exactly one of the two."""

    keys: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        check_target(self.name, self.keys, self.where)
