"""Scalar expressions by kind: columns, literals, parameters, functions, CASE, casts, scalar subqueries.

Nothing here can fail on data (casts of text are TRY_CAST, no divisor is a column) or tell 0.0 from -0.0 (grouping may
keep either), and arithmetic stays far from the ends of its types.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping

from tests.generated.draft import Draft, Reference, Scope, quoted
from tests.generated.kinds import SCALARS, Column, Kind
from tests.generated.literals import NAMES_OF_TYPES, sample, value_like, written

_OUTER = 0.3
_BARE = 0.3
_HOLE = re.compile(r"\{([A-Z]+)\}")

# what may be written around other scalars: the feature that it is, and the text with a hole for each of them
FORMS: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    Kind.INT: (
        ("arithmetic", "({INT} + {INT})"),
        ("arithmetic", "({INT} - {INT})"),
        ("arithmetic", "({INT} * 2)"),
        ("arithmetic", "({INT} % 7)"),
        ("arithmetic", "({INT} // 3)"),
        ("arithmetic", "abs({INT})"),
        ("string function", "length({TEXT})"),
        ("string function", "strlen({TEXT})"),
        ("string function", "ascii({TEXT})"),
        ("date function", "year({DATE})"),
        ("date function", "month({TIMESTAMP})"),
        ("date function", "extract('dow' FROM {DATE})"),
        ("date function", "date_diff('day', {DATE}, {DATE})"),
        ("cast", "TRY_CAST({TEXT} AS INTEGER)"),
        ("cast", "CAST({BOOL} AS INTEGER)"),
        ("cast", "CAST({DECIMAL} AS INTEGER)"),
        ("list access", "len({LIST})"),
    ),
    Kind.FLOAT: (
        ("arithmetic", "({FLOAT} + {INT})"),
        ("arithmetic", "({FLOAT} * 0.5)"),
        ("arithmetic", "({FLOAT} - 1)"),
        ("arithmetic", "(- {FLOAT})"),
        ("arithmetic", "({INT} / 4)"),
        ("arithmetic", "round({FLOAT}, 1)"),
        ("arithmetic", "abs({FLOAT})"),
        ("cast", "CAST({DECIMAL} AS DOUBLE)"),
        ("cast", "CAST({INT} AS DOUBLE)"),
    ),
    Kind.DECIMAL: (
        ("arithmetic", "abs({DECIMAL})"),
        ("arithmetic", "({DECIMAL} * 2)"),
        ("arithmetic", "({DECIMAL} + 1.5)"),
        ("cast", "CAST({DECIMAL} AS DECIMAL(18, 1))"),
    ),
    Kind.TEXT: (
        ("string function", "upper({TEXT})"),
        ("string function", "lower({TEXT})"),
        ("string function", "({TEXT} || '!')"),
        ("string function", "({TEXT} || {TEXT})"),
        ("string function", "substring({TEXT}, 1, 2)"),
        ("string function", "left({TEXT}, 1)"),
        ("string function", "trim({TEXT})"),
        ("string function", "replace({TEXT}, 'e', 'E')"),
        ("string function", "reverse({TEXT})"),
        ("string function", "concat({TEXT}, '-', {TEXT})"),
        ("date function", "strftime({DATE}, '%Y-%m')"),
        ("cast", "CAST({INT} AS VARCHAR)"),
        ("cast", "CAST({DATE} AS VARCHAR)"),
        ("cast", "CAST({BOOL} AS VARCHAR)"),
        ("cast", "CAST({DECIMAL} AS VARCHAR)"),
        ("cast", "CAST({TIMESTAMP} AS VARCHAR)"),
        ("list access", "{LIST}[1]"),
        ("list access", "{LIST}[-1]"),
    ),
    Kind.DATE: (
        ("date function", "({DATE} + 3)"),
        ("date function", "CAST(date_trunc('month', {DATE}) AS DATE)"),
        ("date function", "last_day({DATE})"),
        ("cast", "CAST({TIMESTAMP} AS DATE)"),
    ),
    Kind.TIMESTAMP: (
        ("date function", "date_trunc('hour', {TIMESTAMP})"),
        ("date function", "({TIMESTAMP} + INTERVAL 90 MINUTE)"),
        ("date function", "({TIMESTAMP} - INTERVAL 1 MONTH)"),
        ("date function", "time_bucket(INTERVAL 2 HOUR, {TIMESTAMP})"),
        ("cast", "CAST({DATE} AS TIMESTAMP)"),
    ),
}
_GENERAL = (
    ("coalesce", "coalesce({}, {})", 3.0),
    ("nullif", "nullif({}, {})", 2.0),
    ("greatest", "greatest({}, {})", 0.5),
    ("least", "least({}, {})", 0.5),
)


class Scalars(Draft):
    """Writes scalar expressions."""

    @abstractmethod
    def condition(self, scope: Scope, depth: int = 1, *, subqueries: bool = True) -> str:
        """Return a boolean expression."""

    @abstractmethod
    def scalar_subquery(self, kind: Kind, scope: Scope) -> str:
        """Return a subquery of one column that gives one row at most."""

    def reference(self, scope: Scope, *kinds: Kind, outer: bool = True) -> Reference | None:
        """Choose a column of some kinds, now and then of the query around; None where there is none."""
        here = [r for r in scope.references() if r.kind in kinds]
        if outer and scope.outer is not None and (not here or self.chance(_OUTER)):
            around = [r for r in scope.outer.references() if r.kind in kinds]
            if around:
                self.use("correlated")
                return self.pick(around)
        return self._spelled(scope, self.pick(here)) if here else None

    def _spelled(self, scope: Scope, reference: Reference) -> Reference:
        """Write a column without its table where nothing else has the name, or in another case."""
        _, _, rest = reference.text.partition(".")
        text = reference.text
        taken = scope.outer is not None and scope.outer.holders(reference.column.name)
        alone = rest == quoted(reference.column.name) and scope.holders(reference.column.name) == 1
        if alone and not taken and not scope.qualified and self.chance(_BARE):
            self.use("bare column")
            text = rest
        if self.chance(0.03):
            self.use("other case")
            text = text.upper() if '"' not in text else text
        return Reference(text, reference.column)

    def literal(self, column: Column) -> str:
        """Return a value that a column may hold: a literal or a parameter."""
        value = value_like(self.rng, column)
        if self.chance(0.08):
            return self.param(value, value_like(self.rng, column))
        if isinstance(value, float) and value % 1 and self.chance(0.5):
            return str(value)
        return written(value)

    def scalar(self, kind: Kind, scope: Scope, depth: int = 2) -> str:
        """Return an expression of a kind."""
        found = self.reference(scope, kind)
        if kind not in SCALARS:
            return found.text if found is not None else f"NULL::{NAMES_OF_TYPES[kind]}"
        if found is not None and (depth <= 0 or self.chance(0.5)):
            return found.text
        if found is None and (depth <= 0 or self.chance(0.3)):
            return self.literal(Column("", kind))
        if kind is Kind.BOOL:
            return f"({self.condition(scope, 0, subqueries=depth > 1)})"
        if self.chance(0.35):
            return self._general(kind, scope, depth - 1)
        feature, text = self._form(kind, scope)
        self.use(feature)
        return _HOLE.sub(lambda hole: self.scalar(Kind[hole[1]], scope, depth - 1), text)

    def _form(self, kind: Kind, scope: Scope) -> tuple[str, str]:
        """Choose a form; a list is only read where there is one."""
        lists = any(r.kind is Kind.LIST for r in scope.references())
        listed = [f for f in FORMS[kind] if f[0] == "list access"]
        if lists and listed and self.chance(0.6):
            return self.pick(listed)
        return self.pick([f for f in FORMS[kind] if f[0] != "list access"])

    def _general(self, kind: Kind, scope: Scope, depth: int) -> str:
        """Return a form that any kind has."""
        form = self.weighted({"case": 3.0, "subquery": 1.5 if self.room > 0 else 0.0, "other": 6.0})
        if form == "subquery":
            self.use("scalar subquery")
            return self.scalar_subquery(kind, scope)
        one, other = self.scalar(kind, scope, depth), self.scalar(kind, scope, depth)
        if form == "case":
            self.use(form)
            tested = self.condition(scope, 0, subqueries=False)
            rest = f" ELSE {other}" if self.chance(0.7) else ""
            return f"CASE WHEN {tested} THEN {one}{rest} END"
        feature, text, _ = self.rng.choices(_GENERAL, [f[2] for f in _GENERAL])[0]
        self.use(feature)
        return text.format(one, other)

    def any_literal(self, kind: Kind) -> str:
        """Return a literal of a kind."""
        return written(sample(self.rng, kind))
