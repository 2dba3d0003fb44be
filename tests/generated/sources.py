"""What stands in FROM, and how it is joined.

Datasets under their bare or full names, derived tables, common table expressions, our table functions with constant and
lateral arguments, unnested lists, VALUES. Joins are mostly on keys of one domain; those without an equality only join
small sources, so that no answer explodes.
"""

from __future__ import annotations

from abc import abstractmethod

from tests.generated.calls import Calls
from tests.generated.draft import Reference, Scope, quoted
from tests.generated.kinds import Column, Dataset, Kind, Source

_MOST_ROWS = 4_000
_OUTER_JOINS = ("left join", "right join", "full join")
_JOINED = (Kind.INT, Kind.TEXT, Kind.DATE, Kind.WHOLE, Kind.TIMESTAMP)


class Sources(Calls):
    """Writes FROM clauses."""

    @abstractmethod
    def derived(self) -> Source:
        """Return a query in parentheses that does not refer to anything around it."""

    def from_clause(self, outer: Scope | None = None, *, most: int = 4) -> tuple[str, Scope]:
        """Return the text after FROM, and its scope."""
        scope = Scope(outer=outer)
        text = self._add(scope, self.source())
        wanted = self.weighted({0: 3, 1: 5, 2: 3, 3: 1})
        for _ in range(min(wanted, most - 1, max(0, self.room))):
            text += self._joined(scope)
        return text, scope

    def source(self) -> Source:
        """Choose something to read."""
        self.room -= 1
        form = self.weighted(
            {
                "dataset": 12,
                "derived table": 3 if self.room > 1 else 0,
                "cte": 4 if self.ctes else 0,
                "call": 2,
                "values": 0.3,
            }
        )
        if form == "derived table":
            self.use(form)
            return self.derived()
        if form == "cte":
            return self._cte()
        if form == "call":
            return self.constant_call()
        if form == "values":
            self.use("values")
            columns = (Column("k", Kind.INT, "team", (1, 2, 3)), Column("v", Kind.TEXT, "label", ("red", "blue")))
            rows = "(1, 'red'), (2, 'blue'), (3, NULL), (NULL, 'Red')"
            return Source(f"(VALUES {rows})", columns, 4, alias=f"{self.alias('w')}(k, v)")
        return self.dataset()

    def dataset(self) -> Source:
        """Choose a dataset: by its bare name, or with its engine."""
        chosen = self.weighted({d: self._weight(d) for d in self.all_datasets})
        bare = chosen.name.partition(".")[0]
        if bare in self.used:
            self.use("dataset twice")
        self.used.add(bare)
        text = chosen.name
        if text == bare and self.chance(0.08):
            self.use("engine in name")
            text = f"{self.placements[bare]}.{bare}"
        elif text == "links" and self.chance(0.3):
            text = "links.edges"
        return Source(text, chosen.columns, chosen.rows)

    def _weight(self, dataset: Dataset) -> float:
        """Choose large datasets more often than those of one row or none."""
        return 0.4 if dataset.rows <= 1 else 1.4 if dataset.rows >= 80 or dataset.name == "profiles" else 1.0

    def _cte(self) -> Source:
        chosen = self.pick(self.ctes)
        seen = f"cte {chosen.text}"
        self.use("cte used twice" if seen in self.read_ctes else "cte")
        self.read_ctes.add(seen)
        return chosen

    def _add(self, scope: Scope, source: Source) -> str:
        """Put a source into a scope under a name that it does not have yet."""
        if source.alias is not None:
            called = source.alias.partition("(")[0]
            scope.sources.append((called, source))
            return f"{source.text} AS {source.alias}"
        bare = source.text.rpartition(".")[2]
        names = {alias for s in (scope, scope.outer) if s is not None for alias, _ in s.sources}
        if not source.text.startswith(("(", '"')) and bare not in names and self.chance(0.25):
            scope.sources.append((bare, source))
            return source.text
        alias = self.alias(self.weighted({bare[0] if bare[0].isalpha() else "q": 12, "T ": 1}))
        scope.sources.append((alias, source))
        return f"{source.text} {self.pick(('', 'AS '))}{quoted(alias)}"

    def _joined(self, scope: Scope) -> str:
        """Add one join to a scope and return its text."""
        small = scope.rows <= 150
        form = self.weighted(
            {
                "inner join": 6,
                "left join": 6,
                "right join": 2,
                "full join": 2,
                "semi join": 1.6,
                "anti join": 1.6,
                "cross join": 1 if small else 0,
                "asof join": 2.5,
                "lateral call": 2,
                "unnest": 3 if any(r.kind is Kind.LIST for r in scope.references()) else 0,
            }
        )
        if form == "lateral call":
            text = self.lateral_join(scope)
            return self._plain_join(scope, "inner join") if text is None else text
        if form == "unnest":
            return self._unnested(scope)
        if form == "asof join":
            text = self._asof(scope)
            return self._plain_join(scope, "left join") if text is None else text
        if form == "cross join":
            return self._cross(scope)
        return self._plain_join(scope, form)

    def _cross(self, scope: Scope) -> str:
        source = self.dataset()
        if source.rows * scope.rows > _MOST_ROWS:
            return self._plain_join(scope, "inner join", source)
        self.use("cross join")
        return self.comma(scope) + self._add(scope, source)

    def _plain_join(self, scope: Scope, form: str, source: Source | None = None) -> str:
        source = source or self.source()
        right = Scope(outer=scope.outer, qualified=True)
        text = self._add_apart(right, scope, source)
        pair = self._pair(scope, right)
        if form in _OUTER_JOINS and (_holds_vectors(scope) or _holds_vectors(right)):
            form = "inner join"
        if pair is None:
            return self._without_keys(scope, right, text, form)
        self.use(form)
        written = {"inner join": self.pick((" JOIN ", " INNER JOIN "))}.get(form, f" {form.upper()} ")
        left_key, right_key = pair
        shared = left_key.column.name == right_key.column.name and scope.holders(left_key.column.name) == 1
        if shared and not scope.has_comma and "." not in left_key.column.name and self.chance(0.35):
            self.use("using")
            self._merge(scope, right, form, using=left_key.column.name)
            return f"{written}{text} USING ({quoted(left_key.column.name)})"
        both = Scope([*scope.sources, *right.sources])
        on = f"{left_key.text} = {right_key.text}"
        if left_key.kind is Kind.TEXT and self.chance(0.1):
            on = f"lower({left_key.text}) = lower({right_key.text})"
        if self.chance(0.33):
            self.use(f"filter in on of {form}")
            scope.qualified = True
            on += f" AND {self.filter(self.pick((scope, right, both)))}"
            scope.qualified = False
        self._merge(scope, right, form)
        return f"{written}{text} ON {on}"

    def _add_apart(self, right: Scope, left: Scope, source: Source) -> str:
        """Put a source into a scope of its own, under a name that the scope beside it has not."""
        right.sources = list(left.sources)
        text = self._add(right, source)
        right.sources = right.sources[-1:]
        return text

    def _merge(self, scope: Scope, right: Scope, form: str, using: str | None = None) -> None:
        if form in ("semi join", "anti join"):
            return
        [(alias, source)] = right.sources
        scope.sources.append((alias, source))
        if using is not None:
            scope.merged.add(using)

    def _pair(self, left: Scope, right: Scope) -> tuple[Reference, Reference] | None:
        """Choose a column of each side, of one domain where that can be."""
        ours = [r for r in left.references() if r.kind in _JOINED]
        theirs = [r for r in right.references() if r.kind in _JOINED]
        pairs = [(a, b) for a in ours for b in theirs if a.kind is b.kind and a.column.domain == b.column.domain != ""]
        if not pairs:
            pairs = [(a, b) for a in ours for b in theirs if a.kind is b.kind and a.kind is not Kind.TEXT]
        # days, labels and names fan out most
        narrow = [p for p in pairs if p[0].column.domain not in ("day", "label", "name", "big")]
        return self.pick(narrow if narrow and self.chance(0.8) else pairs) if pairs else None

    def _without_keys(self, scope: Scope, right: Scope, text: str, form: str) -> str:
        """Join sources that have no key in common."""
        rows = scope.rows * right.rows
        if rows <= _MOST_ROWS and form == "inner join":
            self.use("join without keys")
            on = self.filter(right)
            self._merge(scope, right, form)
            return f" JOIN {text} ON {on}"
        if form in ("semi join", "anti join", "full join", "right join"):
            form = "left join"
        if _holds_vectors(right):
            self.use("cross join")
            self._merge(scope, right, "inner join")
            return f" JOIN {text} ON {self.filter(right)} AND {self.filter(right)}"
        self.use(form)
        on = f"false AND {self.filter(right)}" if rows > _MOST_ROWS else self.filter(right)
        self._merge(scope, right, form)
        return f" {form.upper()} {text} ON {on}"

    def _asof(self, scope: Scope) -> str | None:
        """Join the last reading before a time: readings have one row per station and time."""
        times = [r for r in scope.references() if r.kind is Kind.TIMESTAMP]
        stations = [r for r in scope.references() if r.column.domain == "node"]
        readings = next((d for d in self.all_datasets if d.name == "readings"), None)
        if not times or not stations or readings is None:
            return None
        self.used.add("readings")
        side = self.pick(("", "LEFT "))
        self.use("asof join")
        alias = self.alias("r")
        time, station = self.pick(times).text, self.pick(stations).text
        scope.sources.append((alias, Source("readings", readings.columns, 1)))
        scope.narrowed = scope.sources[-1]
        operator = self.pick((">=", ">", "<="))
        return f" ASOF {side}JOIN readings AS {alias} ON {station} = {alias}.station AND {time} {operator} {alias}.seen"

    def _unnested(self, scope: Scope) -> str:
        lists = [r for r in scope.references() if r.kind is Kind.LIST]
        self.use("unnest")
        alias = self.alias("u")
        column = Column("item", Kind.TEXT, "label", lists[0].column.samples)
        scope.sources.append((alias, Source("unnest", (column,), 2)))
        return f"{self.comma(scope)}unnest({self.pick(lists).text}) AS {alias}(item)"


def _holds_vectors(scope: Scope) -> bool:
    """Tell whether a source has a vector: in rows that an outer join makes of NULLs DuckDB 2.0.0 cannot read those."""
    return any(c.domain == "vector" for _, source in scope.sources for c in source.columns)
