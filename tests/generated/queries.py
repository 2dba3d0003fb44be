"""Whole statements: subqueries, set operations, common table expressions, filters above them, ORDER BY and LIMIT.

`generate` is the door: the same seed over the same datasets is the same statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.generated.draft import Generated, Scope, quoted
from tests.generated.kinds import SCALARS, Column, Dataset, Kind, Source
from tests.generated.selects import Block, Kinds, Selects

_SET_OPERATIONS = {
    "UNION": 3.0,
    "UNION ALL": 3.0,
    "INTERSECT": 2.0,
    "EXCEPT": 2.0,
    "EXCEPT ALL": 0.7,
    "INTERSECT ALL": 0.7,
    "UNION ALL BY NAME": 2.5,
}
_PARAMETER = re.compile(r"\$(p\d+)")


def generate(datasets: Sequence[Dataset], placements: Mapping[str, str], seed: int) -> Generated:
    """Write the statement of a seed over some datasets."""
    draft = Queries(datasets, placements, seed)
    template, ordered = draft.statement()
    calls = {n: c for n, c in draft.calls.items() if f'"{n}"' in template}
    used = set(_PARAMETER.findall(" ".join((template, *(c.written for c in calls.values())))))
    params = {n: v for n, v in draft.params.items() if n in used}
    earlier = {n: draft.earlier[n] for n in params} if draft.chance(0.5) else {}
    features, read = frozenset(draft.features), frozenset(draft.used)
    return Generated(seed, template, params, earlier, calls, features, read, ordered)


class Queries(Selects):
    """Writes statements."""

    def statement(self) -> tuple[str, bool]:
        """Return a statement, and whether its rows have one order."""
        with_ = self._with() if self.chance(0.35) else ""
        block = self._above() if self.chance(0.25) else self.query()
        if not block.cut and self.chance(0.4):
            if self.chance(0.6):
                block = self.cut(block)
            else:
                block = Block(f"{block.text} {self.order(len(block.columns))}", block.columns, block.rows, cut=True)
        return with_ + block.text, block.cut

    def query(self, *, most: int = 4) -> Block:
        """Return a block or a set operation."""
        return self._set_operation() if self.chance(0.15) else self.block(most=most)

    def derived(self) -> Source:
        """Return a query in parentheses that does not refer to anything around it."""
        block = self.query(most=2)
        if not block.cut and self.chance(0.2):
            block = self.cut(block)
        return Source(f"({block.text})", block.columns, block.rows)

    def _above(self) -> Block:
        """Put a filter above a query, through which it may or may not pass."""
        inner = self.derived()
        alias = self.alias("q")
        scope = Scope([(alias, inner)])
        self.use("filter above a query")
        listed = "*" if self.chance(0.5) else ", ".join(f"{alias}.{quoted(c.name)}" for c in self._named(inner)[:4])
        columns = inner.columns if listed == "*" else tuple(self._named(inner)[:4])
        if not columns:
            listed, columns = "*", inner.columns
        return Block(f"SELECT {listed} FROM {inner.text} AS {alias} WHERE {self.filter(scope)}", columns, inner.rows)

    def _named(self, source: Source) -> list[Column]:
        """Return the columns of a source that a name finds."""
        names = [c.name.lower() for c in source.columns]
        return [c for c in source.columns if names.count(c.name.lower()) == 1]

    def _with(self) -> str:
        """Return WITH, and remember its queries as sources."""
        written = []
        for _ in range(self.pick((1, 1, 2))):
            inner = self.derived()
            name = self.alias(self.pick(("w", "Cte ")))
            hint = self.weighted({"": 8, "MATERIALIZED ": 1, "NOT MATERIALIZED ": 1})
            written.append(f"{quoted(name)} AS {hint}{inner.text}")
            self.ctes.append(Source(quoted(name), inner.columns, inner.rows))
        # in a recursive WITH DuckDB takes every UNION for a recursive one, and those may not be ordered
        if self.chance(0.15) and not any("UNION" in text for text in written):
            self.use("recursive cte")
            name = self.alias("r")
            written.append(f"{name}(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < 9)")
            self.ctes.append(Source(name, (Column("n", Kind.INT, "team", (1, 5, 9)),), 9))
            return f"WITH RECURSIVE {', '.join(written)} "
        return f"WITH {', '.join(written)} "

    def _set_operation(self) -> Block:
        operator = self.weighted(_SET_OPERATIONS)
        kinds = tuple(self.pick(SCALARS) for _ in range(self.pick((1, 1, 2, 3))))
        one, other = self._operand(kinds), self._operand(kinds)
        if "BY NAME" in operator:
            other = self._called_alike(other, one)
        self.use(operator.lower().removesuffix(" all"))
        columns = tuple(
            Column(a.name, a.kind, a.domain, a.samples, exact=a.exact and b.exact)
            for a, b in zip(one.columns, other.columns, strict=True)
        )
        return Block(f"{one.text} {operator} {other.text}", columns, one.rows + other.rows)

    def _called_alike(self, block: Block, other: Block) -> Block:
        """Give the columns of a block the names of another's, in an order of its own."""
        names = [quoted(c.name) for c in other.columns]
        shuffled = self.rng.sample(names, len(names))
        text = f"SELECT {', '.join(shuffled)} FROM ({block.text}) AS {self.alias('b')}({', '.join(names)})"
        return Block(text, other.columns, block.rows)

    def _operand(self, kinds: Kinds) -> Block:
        block = self.block(kinds, most=2)
        return Block(f"({block.text})", block.columns, block.rows) if block.cut else block

    def scalar_subquery(self, kind: Kind, scope: Scope) -> str:
        """Return a subquery of one column that gives one row at most."""
        self.room -= 1
        text, inner = self._around_dataset(scope)
        where = f" WHERE {self._linked(inner)}"
        if self.chance(0.3):
            return f"(SELECT {self.scalar(kind, inner, 0)} AS v FROM {text}{where} ORDER BY v LIMIT 1)"
        return f"(SELECT {self.aggregate(Scope(inner.sources), kind)} FROM {text}{where})"

    def list_subquery(self, column: Column, scope: Scope) -> str:
        """Return a subquery of one column that compares with a column."""
        self.room -= 1
        if self.chance(0.2):
            return self.block((column.kind,), most=2, cuts=False).text
        text, inner = self._around_dataset(scope, column)
        found = self.reference(inner, column.kind, outer=False)
        same = [r for r in inner.references() if r.kind is column.kind and r.column.domain == column.domain]
        listed = self.pick(same).text if same else "NULL" if found is None else found.text
        where = f" WHERE {self._linked(inner) if self.chance(0.4) else self.filter(inner)}" if self.chance(0.75) else ""
        return f"SELECT {listed} FROM {text}{where}"

    def exists_subquery(self, scope: Scope) -> str:
        """Return a subquery, most often one that refers to the scope."""
        self.room -= 1
        text, inner = self._around_dataset(scope)
        return f"SELECT {self.pick(('1', '*'))} FROM {text} WHERE {self._linked(inner)}"

    def _around_dataset(self, scope: Scope, column: Column | None = None) -> tuple[str, Scope]:
        """Return a FROM of one dataset inside a scope, one that has such a column where there is one."""
        inner = Scope(outer=scope)
        source = self.dataset()
        for _ in range(4):
            if column is None or any(c.kind is column.kind and c.domain == column.domain for c in source.columns):
                break
            source = self.dataset()
        return self._add(inner, source), inner

    def _linked(self, inner: Scope) -> str:
        """Return a condition that most often compares a column with one of the query around."""
        pair = self._pair(inner.outer, inner) if inner.outer is not None and inner.outer.sources else None
        if pair is None or self.chance(0.15):
            return self.filter(inner)
        self.use("correlated")
        linked = f"{pair[1].text} {self.weighted({'=': 8, '<>': 0.5, '<': 1})} {pair[0].text}"
        return f"{linked} AND {self.filter(inner)}" if self.chance(0.4) else linked
