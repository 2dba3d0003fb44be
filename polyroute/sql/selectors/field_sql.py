"""One test of one field of a JSON document, as SQL for SQLite.

SQL tells JSON types apart less well than the collation does: booleans come out of `json_extract` as 0 and 1, arrays and
objects as text, a number written with a fraction as whatever the local library makes of its digits, a string only up to
its first NUL. So every test asks `json_type` first, compares the JSON text of strings, lets Python read fractions
(`SQL_FUNCTIONS`), and begins with a condition on `json_extract` alone, wide enough to lose nothing, that an index on
that expression can serve.
"""

from __future__ import annotations

import json
import operator as op
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from polyroute.sql.selectors.collation import ARRAY, BOOLEAN, NULL, NUMBER, OBJECT, RANKS, STRING, TYPE_NAMES
from polyroute.sql.selectors.paths import Path, array_index
from polyroute.sql.selectors.tree import (
    All,
    AllMatch,
    BeginsWith,
    Compare,
    ElemMatch,
    Exists,
    Field,
    In,
    Json,
    KeyMapMatch,
    Mod,
    Regex,
    Size,
    TypeIs,
)

Bound = int | float | str

# Python reads a fraction to the nearest double; how well SQLite does varies with its version and platform.
SQL_FUNCTIONS: Mapping[str, Callable[[str], float]] = {"polyroute_real": float}

_SQL_TYPES = ("'null'", "'true','false'", "'integer','real'", "'text'", "'array'", "'object'")
_HOLDS: Mapping[str, Callable[[int, int], bool]] = {
    "$eq": op.eq,
    "$ne": op.ne,
    "$gt": op.gt,
    "$gte": op.ge,
    "$lt": op.lt,
    "$lte": op.le,
}
_SQL_OPERATORS = {"$eq": "=", "$ne": "<>", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
# Beyond this an integer may not fit the 64 bits in which SQLite compares exactly.
_LARGEST = 2**62
_SLACK = 1e-9
_MOST_JOINED = 64


@dataclass(frozen=True, slots=True)
class Term:
    """A condition that every matching document fulfils; `exact` where no other document does."""

    sql: str
    params: tuple[Bound, ...] = ()
    exact: bool = True


def joined(terms: list[Term], connective: str) -> Term:
    """Return conditions joined by AND or OR; exact where all of them are."""
    if len(terms) == 1:
        return terms[0]
    if len(terms) > _MOST_JOINED:
        # SQLite refuses expressions deeper than 1,000, and a chain is as deep as it is long.
        middle = len(terms) // 2
        return joined([joined(terms[:middle], connective), joined(terms[middle:], connective)], connective)
    sql = connective.join(f"({term.sql})" for term in terms)
    return Term(sql, tuple(param for term in terms for param in term.params), all(term.exact for term in terms))


def json_path(path: Path) -> str | None:
    """Write a path as an SQL literal for `json_extract`; None where SQLite cannot say it.

    A whole number may be a key or a place in an array, and SQLite compares the names as they are written, so a name
    with an escape is out of reach.
    """
    if any(array_index(name) is not None for name in path[1:]):
        return None
    if any(character < " " or character in '"\\' for name in path for character in name):
        return None
    labels = "".join(f'."{name}"' for name in path)
    return "'$" + labels.replace("'", "''") + "'"


class FieldSQL:
    """The SQL of one path: what stands there (`value`), of which type (`kind`), as which JSON text (`text`)."""

    def __init__(self, body: str, place: str, path: Path) -> None:
        self.body = body
        self.path = path
        self.value = f"json_extract({body}, {place})"
        self.kind = f"json_type({body}, {place})"
        self.text = f"{body} -> {place}"

    def render(self, field: Field) -> Term:
        """Return the condition of a test of what stands here."""
        match field.test:
            case Exists(wanted):
                return Term(f"{self.kind} IS NOT NULL") if wanted else self._absent()
            case Compare(operator, value):
                return self._compare(operator, value)
            case In(values):
                return self._in(values)
            case TypeIs(name):
                return self._of_types([TYPE_NAMES.index(name)])
            case Size(length) if length < _LARGEST:
                return Term(f"{self.kind} = 'array' AND json_array_length({self.text}) = ?", (length,))
            case BeginsWith(prefix) if prefix.isprintable():
                return self._begins_with(prefix)
            case BeginsWith() | Regex():
                return self._of_types([STRING], exact=False)
            case All() | ElemMatch() | AllMatch() | Size():
                return self._of_types([ARRAY], exact=False)
            case KeyMapMatch():
                return self._of_types([OBJECT], exact=False)
            case Mod():
                return self._of_types([NUMBER], exact=False)
            case _:
                return Term(f"{self.kind} IS NOT NULL", exact=False)

    def _of_types(self, ranks: list[int], *, exact: bool = True) -> Term:
        if not ranks:
            return Term("0", exact=exact)
        names = ",".join(_SQL_TYPES[rank] for rank in ranks)
        return Term(f"{self.kind} IN ({names})", exact=exact)

    def _absent(self) -> Term:
        """Say that nothing stands here, and that what stands above is an object all the way, or absent itself."""
        above = [json_path(self.path[:end]) for end in range(1, len(self.path))]
        objects = "".join(f" AND ifnull(json_type({self.body}, {place}), 'object') = 'object'" for place in above)
        return Term(f"{self.kind} IS NULL{objects}")

    def _compare(self, operator: str, value: Json) -> Term:
        rank = RANKS[type(value)]
        if rank == NUMBER:
            return self._compare_number(operator, value)  # type: ignore[arg-type]
        if operator == "$eq":
            return self._equals(value)
        if operator == "$ne":
            return self._differs(value)
        others = _ranks_that_pass(operator, rank)
        if rank == NULL:
            return self._of_types([NULL, *others] if operator in ("$gte", "$lte") else others)
        if rank == BOOLEAN:
            flags = [f"'{flag}'" for flag in ("false", "true") if _HOLDS[operator](flag == "true", bool(value))]
            return Term(f"{self.kind} IN ({','.join([*flags, *(_SQL_TYPES[other] for other in others)])})")
        return self._of_types([rank, *others], exact=False)

    def _equals(self, value: Json) -> Term:
        if value is None:
            return Term(f"{self.kind} = 'null'")
        if isinstance(value, bool):
            return Term(f"{self.kind} = '{str(value).lower()}'")
        if isinstance(value, str):
            quoted = Term(f"({self.text}) = ?", (_json_text(value),))
            return quoted if "\0" in value else joined([Term(f"{self.value} = ?", (value,)), quoted], " AND ")
        return self._of_types([RANKS[type(value)]], exact=False)

    def _differs(self, value: Json) -> Term:
        exists = f"{self.kind} IS NOT NULL"
        if value is None:
            return Term(f"{self.kind} <> 'null'")
        if isinstance(value, bool):
            return Term(f"{self.kind} <> '{str(value).lower()}'")
        if isinstance(value, str):
            return Term(f"{exists} AND ({self.text}) <> ?", (_json_text(value),))
        return Term(exists, exact=False)

    def _compare_number(self, operator: str, value: float) -> Term:
        if abs(value) > _LARGEST:
            return self._near_large_number(operator)
        sign = _SQL_OPERATORS[operator]
        kinds = [kind for rank in _ranks_that_pass(operator, NUMBER) for kind in _SQL_TYPES[rank].split(",")]
        otherwise = "".join(f" WHEN {kind} THEN 1" for kind in kinds)
        exact = Term(
            f"CASE {self.kind} WHEN 'integer' THEN {self.value} {sign} ?"
            f" WHEN 'real' THEN polyroute_real({self.text}) {sign} ?{otherwise} END",
            (value, value),
        )
        wide = self._wide(operator, value)
        return exact if wide is None else joined([wide, exact], " AND ")

    def _near_large_number(self, operator: str) -> Term:
        return self._of_types([NUMBER, *_ranks_that_pass(operator, NUMBER)], exact=False)

    def _wide(self, operator: str, value: float) -> Term | None:
        """Return the part that an index on the bare value can serve: a little wider than the comparison itself."""
        slack = abs(value) * _SLACK + _SLACK
        low, high = value - slack, value + slack
        match operator:
            case "$eq":
                return Term(f"{self.value} BETWEEN ? AND ?", (low, high))
            case "$gt" | "$gte":
                return Term(f"{self.value} >= ?", (low,))
            case "$lt" | "$lte":
                return Term(f"{self.value} <= ? OR {self.value} IS NULL OR {self.value} IN (0, 1)", (high,))
            case _:
                return None

    def _in(self, values: tuple[Json, ...]) -> Term:
        if not values:
            return Term("0")
        # An array comes out as text that starts with a bracket; the next character in ASCII is the backslash.
        arrays = f"({self.value} >= '[' AND {self.value} < '\\')"
        scalars = [value for value in values if type(value) in (str, bool, int, float)]
        ways = [arrays]
        if scalars:
            ways.append(f"{self.value} IN (SELECT value FROM json_each(?))")
        if None in values:
            ways.append(f"{self.value} IS NULL")
        if any(type(value) is dict for value in values):
            ways.append(f"({self.value} >= '{{' AND {self.value} < '|')")
        return Term(" OR ".join(ways), (_json_text(scalars),) if scalars else (), exact=False)

    def _begins_with(self, prefix: str) -> Term:
        starts = f"{self.kind} = 'text' AND substr({self.value}, 1, {len(prefix)}) = ?"
        if not prefix:
            return Term(f"{self.kind} = 'text'")
        return Term(f"{self.value} >= ? AND {starts}", (prefix, prefix))


def _ranks_that_pass(operator: str, rank: int) -> list[int]:
    """Return the ranks other than this one whose every value passes the comparison with a value of this rank."""
    return [other for other in range(OBJECT + 1) if other != rank and _HOLDS[operator](other, rank)]


def _json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
