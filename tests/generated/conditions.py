"""Boolean expressions: comparisons and their NULL-aware forms, patterns, lists, subqueries, and what AND, OR, NOT make.

Literals are mostly values that the column holds, so that conditions pass some rows and not others.
"""

from __future__ import annotations

from abc import abstractmethod

from tests.generated.draft import Reference, Scope
from tests.generated.kinds import SCALARS, Column, Kind
from tests.generated.literals import value_like, written
from tests.generated.scalars import Scalars

_COMPARED = (*SCALARS, Kind.WHOLE)
_ORDERED = (Kind.INT, Kind.WHOLE, Kind.FLOAT, Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP)


class Conditions(Scalars):
    """Writes boolean expressions."""

    @abstractmethod
    def list_subquery(self, column: Column, scope: Scope) -> str:
        """Return a subquery of one column that compares with a column."""

    @abstractmethod
    def exists_subquery(self, scope: Scope) -> str:
        """Return a subquery, most often one that refers to the scope."""

    def condition(self, scope: Scope, depth: int = 1, *, subqueries: bool = True) -> str:
        """Return a boolean expression."""
        if depth > 0 and self.chance(0.4):
            return self._combined(scope, depth - 1, subqueries=subqueries)
        if subqueries and self.room > 0 and self.chance(0.2):
            return self._with_subquery(scope)
        found = self.reference(scope, *_COMPARED)
        if found is None:
            return self._nested(scope)
        return self._simple(found, scope)

    def filter(self, scope: Scope) -> str:
        """Return a condition that reads one column and passes many rows: what a planner may push."""
        found = self.reference(scope, *_ORDERED, outer=False)
        return self.condition(scope, 0, subqueries=False) if found is None else self._simple(found, scope)

    def _combined(self, scope: Scope, depth: int, *, subqueries: bool) -> str:
        one = self.condition(scope, depth, subqueries=subqueries)
        form = self.weighted({"and": 2, "or": 4, "not": 1})
        if form == "not":
            self.use("not")
            return f"NOT ({one})"
        self.use(form)
        return f"({one} {form.upper()} {self.condition(scope, depth, subqueries=subqueries)})"

    def _simple(self, found: Reference, scope: Scope) -> str:
        column, text = found.column, found.text
        if found.kind is Kind.BOOL:
            return self._truth(text)
        form = self.weighted(
            {
                "compare": 8,
                "is null": 3,
                "is distinct from": 2,
                "between": 2,
                "in list": 2.5,
                "like": 4 if found.kind is Kind.TEXT else 0,
                "two columns": 2,
                "expression": 2.5,
                "never null": 1.5,
            }
        )
        self.use(form)
        if form == "is null":
            return f"{text} IS {self.pick(('NULL', 'NOT NULL', 'NOT NULL'))}"
        if form == "is distinct from":
            return f"{text} IS {self.pick(('', 'NOT '))}DISTINCT FROM {self.pick((self.literal(column), 'NULL'))}"
        if form == "between":
            low, high = self._range(column)
            return f"{text} {self.pick(('', '', 'NOT '))}BETWEEN {low} AND {high}"
        if form == "in list":
            return self._in_list(text, column)
        if form == "like":
            return self._pattern(text)
        if form == "two columns":
            return f"{text} {self.pick(('=', '<>', '<', '>='))} {self.scalar(found.kind, scope, 0)}"
        if form == "expression":
            return f"{self._around(text, found.kind)} {self._operator()} {self.literal(column)}"
        if form == "never null":
            # true of a row that an outer join made of NULLs
            return f"coalesce({text} {self._operator()} {self.literal(column)}, true)"
        return f"{text} {self._operator()} {self.literal(column)}"

    def _operator(self) -> str:
        return self.weighted({"=": 1.7, "<>": 2.5, "<": 1.5, "<=": 2, ">": 2, ">=": 2})

    def _around(self, text: str, kind: Kind) -> str:
        """Put a function around a column that keeps its kind."""
        if kind is Kind.TEXT:
            self.use("string function")
            return self.pick((f"lower({text})", f"upper({text})", f"trim({text})", f"({text} || '')"))
        if kind in (Kind.INT, Kind.FLOAT, Kind.DECIMAL):
            self.use("arithmetic")
            return self.pick((f"({text} + 1)", f"(- {text})", f"abs({text})"))
        return f"coalesce({text}, {self.any_literal(kind)})"

    def _range(self, column: Column) -> tuple[str, str]:
        values = [value_like(self.rng, column) for _ in range(2)]
        low, high = sorted(values, key=lambda v: (v != v, v))
        return written(low), written(high)

    def _in_list(self, text: str, column: Column) -> str:
        values = [value_like(self.rng, column) for _ in range(self.rng.randrange(1, 6))]
        items = [written(v) for v in values]
        negated = self.pick(("", "", "NOT "))
        if self.chance(0.15):
            self.use("null in list")
            items.append("NULL")
        elif self.chance(0.1) and column.kind in (Kind.INT, Kind.TEXT, Kind.DATE):
            self.use("list parameter")
            return f"{text} {negated}IN {self.param(values, values[1:])}"
        return f"{text} {negated}IN ({', '.join(items)})"

    def _pattern(self, text: str) -> str:
        form = self.weighted({"LIKE": 3, "ILIKE": 2, "NOT LIKE": 1, "starts": 1, "regexp": 1})
        pattern = self.pick(("a%", "A%", "%e", "%a%", "_", "n1_", "n%", "%5%", "R__", "%ß%", "1%", ""))
        if form == "starts":
            return f"starts_with({text}, {written(self.pick(('', 'A', 'n1', 'r')))})"
        if form == "regexp":
            return f"regexp_matches({text}, '^[a-n]')"
        self.use(form.lower().removeprefix("not "))
        return f"{text} {form} '{pattern}'"

    def _truth(self, text: str) -> str:
        return self.pick((text, f"NOT {text}", f"{text} IS TRUE", f"{text} IS NOT TRUE", f"{text} = false"))

    def _nested(self, scope: Scope) -> str:
        found = self.reference(scope, Kind.NESTED, Kind.LIST)
        if found is None:
            return self.pick(("true", "1 = 1", "NULL IS NULL"))
        if found.kind is Kind.LIST and self.chance(0.6):
            self.use("list access")
            return f"list_contains({found.text}, {self.literal(found.column)})"
        return f"{found.text} IS NOT NULL"

    def _with_subquery(self, scope: Scope) -> str:
        found = self.reference(scope, Kind.INT, Kind.TEXT, Kind.DATE, Kind.WHOLE, outer=False)
        form = self.weighted({"in": 3, "not in": 2, "exists": 2, "not exists": 1.5, "any": 0.7})
        if found is None or form.endswith("exists"):
            negated = "NOT " if form == "not exists" else ""
            self.use(form if form.endswith("exists") else "exists")
            return f"{negated}EXISTS ({self.exists_subquery(scope)})"
        self.use(f"{form} subquery")
        subquery = self.list_subquery(found.column, scope)
        if form == "any":
            return f"{found.text} {self.pick(('= ANY', '> ALL', '<= ANY'))} ({subquery})"
        return f"{found.text} {form.upper()} ({subquery})"
