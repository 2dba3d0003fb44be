"""SELECT blocks: projections with stars, aliases and windows; groups with every form of GROUP BY; DISTINCT and QUALIFY.

A block knows the columns that it gives, so that whatever stands above it can name them. A block that a LIMIT or a
DISTINCT ON cuts is ordered by all its columns: rows that are equal in all of them may change places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tests.generated.draft import Reference, Scope, quoted
from tests.generated.kinds import SCALARS, Column, Kind
from tests.generated.sources import Sources

_PASSED = (*SCALARS, Kind.WHOLE, Kind.LIST)
_SHADOWS = ("id", "name", "team", "score", "day")


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a select list: its text without the alias, and the column that it becomes."""

    text: str
    column: Column

    @property
    def written(self) -> str:
        """The item with its alias, if it needs one."""
        last = self.text.rpartition(".")[2]
        return self.text if last == quoted(self.column.name) else f"{self.text} AS {quoted(self.column.name)}"


Kinds: TypeAlias = "tuple[Kind, ...] | None"


@dataclass(frozen=True, slots=True)
class Block:
    """One SELECT and its columns; `cut` says that it ends in an ORDER BY or a LIMIT of its own."""

    text: str
    columns: tuple[Column, ...]
    rows: int
    cut: bool = False


class Selects(Sources):
    """Writes SELECT blocks."""

    def block(self, kinds: Kinds = None, outer: Scope | None = None, *, most: int = 4, cuts: bool = True) -> Block:
        """Return a SELECT; with `kinds` it has exactly such columns."""
        from_, scope = self.from_clause(outer, most=most)
        where = f" WHERE {self._where(scope)}" if self.chance(0.5) or scope.narrowed is not None else ""
        form = self.weighted({"plain": 10, "grouped": 5, "distinct": 1.2, "distinct on": 1.4 if cuts else 0, "star": 3})
        if form == "grouped":
            return self._grouped(scope, from_ + where, kinds)
        if form == "star" and kinds is None:
            return self._starred(scope, from_ + where)
        items = self._items(scope, kinds, windows=form != "distinct on")
        columns = tuple(i.column for i in items)
        listed = ", ".join(i.written for i in items)
        if form == "distinct":
            self.use(form)
            return Block(f"SELECT DISTINCT {listed} FROM {from_}{where}", columns, scope.rows)
        if form == "distinct on" and items[0].column.kind is not Kind.NESTED:
            self.use(form)
            on = self.pick((items[0].text, quoted(columns[0].name))) if " AS " in items[0].written else items[0].text
            order = self.order(len(items), first=1)
            return Block(f"SELECT DISTINCT ON ({on}) {listed} FROM {from_}{where} {order}", columns, 20, cut=True)
        qualify = self._qualify(scope) if self.chance(0.08) else ""
        return Block(f"SELECT {listed} FROM {from_}{where}{qualify}", columns, scope.rows)

    def _where(self, scope: Scope) -> str:
        parts = [
            self.filter(scope) if self.chance(0.45) else self.condition(scope) for _ in range(self.pick((1, 1, 2)))
        ]
        self.use("where")
        if scope.narrowed is not None and self.chance(0.6):
            self.use("filter above an asof join")
            parts = [*parts[1:], self.filter(Scope([scope.narrowed], qualified=True))]
        return " AND ".join(parts)

    def order(self, columns: int, first: int | None = None) -> str:
        """Return an ORDER BY of all columns, by position; `first` comes first."""
        positions = list(range(1, columns + 1))
        self.rng.shuffle(positions)
        if first is not None:
            positions.sort(key=lambda p: p != first)
        elif self.chance(0.2):
            self.use("order by all")
            return f"ORDER BY ALL{self.pick(('', ' DESC', ' NULLS FIRST'))}"
        self.use("order by")
        ways = ("", "", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST")
        return "ORDER BY " + ", ".join(f"{p}{self.pick(ways)}" for p in positions)

    def cut(self, block: Block) -> Block:
        """Put an ORDER BY and a LIMIT behind a block, which has none."""
        self.use("limit")
        limit = f" LIMIT {self.pick((1, 3, 7, 20))}"
        if self.chance(0.25):
            self.use("offset")
            limit += f" OFFSET {self.pick((1, 2, 5))}"
        return Block(f"{block.text} {self.order(len(block.columns))}{limit}", block.columns, 20, cut=True)

    def _items(self, scope: Scope, kinds: Kinds, *, windows: bool = True) -> list[Item]:
        made: list[Item] = []
        names: set[str] = set()
        for number in range(self.pick((1, 2, 3, 4, 5)) if kinds is None else len(kinds)):
            item = self._item(scope, None if kinds is None else kinds[number], made, windows=windows)
            if item.column.name.lower() in names:
                name = f"c{number}"
                item = Item(item.text, Column(name, item.column.kind, item.column.domain, item.column.samples))
            names.add(item.column.name.lower())
            made.append(item)
        return made

    def _item(self, scope: Scope, kind: Kind | None, before: list[Item], *, windows: bool) -> Item:
        found = self.reference(scope, *((kind,) if kind is not None else _PASSED), outer=False)
        if found is not None and self.chance(0.55):
            return Item(found.text, self._renamed(found))
        kind = kind or self.pick((*SCALARS, Kind.INT))
        name = self.pick(_SHADOWS) if self.chance(0.1) else self.alias("x")
        if name in _SHADOWS:
            self.use("shadowing alias")
        if windows and kind in (Kind.INT, Kind.FLOAT) and self.chance(0.15):
            text = self._window(scope, kind)
            if text is not None:
                return Item(text, Column(name, kind, exact=False))
        earlier = [i for i in before if i.column.name.startswith("x") and i.column.kind is Kind.INT]
        if earlier and kind is Kind.INT and self.chance(0.9):
            self.use("lateral alias")
            return Item(f"({self.pick(earlier).column.name} + 1)", Column(name, kind))
        return Item(self.scalar(kind, scope), Column(name, kind, exact=False))

    def _renamed(self, found: Reference) -> Column:
        """Return the column that a reference becomes, under its own name or another one."""
        column = found.column
        name = column.name.rpartition(".")[2]
        if self.chance(0.2):
            name = self.alias("x")
        elif self.chance(0.05):
            self.use("shadowing alias")
            name = self.pick(_SHADOWS)
        return Column(name, column.kind, column.domain, column.samples, exact=column.exact)

    def _starred(self, scope: Scope, rest: str) -> Block:
        """Select with a star of some form."""
        if scope.merged or len(scope.sources) > 3:
            chosen = [self.pick(scope.sources)]
            listed = f"{quoted(chosen[0][0])}.*"
        else:
            chosen = scope.sources
            listed = "*"
        columns = [c for _, s in chosen for c in s.columns]
        repeated = {c.name.lower() for c in columns if sum(c.name.lower() == d.name.lower() for d in columns) > 1}
        plain = [c for c in columns if c.name.lower() not in repeated]
        form = self.weighted({"star": 5, "exclude": 1.5, "replace": 1, "columns": 1})
        if form == "exclude" and len(plain) > 1 and len(columns) > 1:
            out = self.pick(plain)
            listed += f" EXCLUDE ({quoted(out.name)})"
            columns.remove(out)
        elif form == "replace" and any(c.kind is Kind.TEXT for c in plain):
            text = self.pick([c for c in plain if c.kind is Kind.TEXT])
            listed += f" REPLACE (upper({quoted(text.name)}) AS {quoted(text.name)})"
        elif form == "columns" and listed == "*" and any(c.name.startswith(("t", "n", "s")) for c in columns):
            columns = [c for c in columns if c.name[0] in "tns"]
            listed = "COLUMNS('^[tns]')"
        else:
            form = "star"
        self.use(form if form != "star" else ("qualified star" if listed != "*" else "star"))
        return Block(f"SELECT {listed} FROM {rest}", tuple(columns), scope.rows)

    def _qualify(self, scope: Scope) -> str:
        window = self._window(scope, Kind.INT)
        if window is None:
            return ""
        self.use("qualify")
        return f" QUALIFY {window} <= {self.pick((1, 2, 3))}"

    def _window(self, scope: Scope, kind: Kind) -> str | None:
        """Return a window function whose value does not depend on ties."""
        references = [r for r in scope.references() if r.kind in (*SCALARS, Kind.WHOLE)]
        opaque = any(c.kind is Kind.NESTED for _, s in scope.sources for c in s.columns)
        if not references:
            return None
        self.use("window")
        by = f"PARTITION BY {self.pick(references).text} " if self.chance(0.7) else ""
        order = f"{self.pick(references).text}{self.pick(('', ' DESC', ' NULLS FIRST'))}"
        if kind is Kind.FLOAT:
            summed = [r for r in references if r.kind is Kind.FLOAT and r.column.exact]
            if not summed:
                return None
            over = f"{by}ORDER BY {order}" if self.chance(0.5) else by
            return f"{self.pick(('sum', 'min', 'max', 'avg'))}({self.pick(summed).text}) OVER ({over})"
        if opaque or len(references) > 16 or self.chance(0.4):
            return f"{self.pick(('rank()', 'dense_rank()', 'count(*)'))} OVER ({by}ORDER BY {order})"
        self.use("row order window")
        whole = ", ".join([order, *(r.text for r in references), *self._lists(scope)])
        numbers = [r for r in references if r.kind is Kind.INT]
        functions = ["row_number()", "ntile(3)"]
        if numbers:
            value = self.pick(numbers).text
            functions += [f"lag({value})", f"lead({value}, 2, 0)", f"first_value({value})", f"last_value({value})"]
        frame = f" ROWS BETWEEN {self.pick((1, 2))} PRECEDING AND CURRENT ROW"
        chosen = self.pick(functions)
        framed = frame if chosen.startswith(("first", "last")) and self.chance(0.5) else ""
        return f"{chosen} OVER ({by}ORDER BY {whole}{framed})"

    def _lists(self, scope: Scope) -> list[str]:
        return [r.text for r in scope.references() if r.kind is Kind.LIST]

    def aggregate(self, scope: Scope, kind: Kind) -> str:
        """Return an aggregate of a kind whose value does not depend on the order of rows."""
        self.use("aggregate")
        text = self._aggregate(scope, kind)
        if self.chance(0.1):
            self.use("aggregate filter")
            text += f" FILTER (WHERE {self.filter(scope)})"
        return text

    def _aggregate(self, scope: Scope, kind: Kind) -> str:
        if kind is Kind.INT and self.chance(0.6):
            counted = self.reference(scope, *SCALARS, outer=False)
            if counted is None or self.chance(0.4):
                return "count(*)"
            return self.pick((f"count({counted.text})", f"count(DISTINCT {counted.text})"))
        summed = [r for r in scope.references() if r.kind is kind and r.column.exact]
        if kind in (Kind.INT, Kind.FLOAT, Kind.DECIMAL) and summed and self.chance(0.5):
            return f"sum({self.pick(summed).text})"
        if kind is Kind.FLOAT and summed and self.chance(0.3):
            return f"avg({self.pick(summed).text})"
        if kind is Kind.BOOL:
            return f"{self.pick(('bool_and', 'bool_or'))}({self.scalar(kind, scope, 0)})"
        found = self.reference(scope, kind, outer=False)
        if kind is Kind.TEXT and found is not None and self.chance(0.3):
            return f"string_agg({found.text}, ',' ORDER BY {found.text})"
        return f"{self.pick(('min', 'max'))}({self.scalar(kind, scope, 1)})"

    def _grouped(self, scope: Scope, rest: str, kinds: Kinds) -> Block:
        """Select groups: keys, aggregates, and HAVING."""
        form = self.weighted({"keys": 6, "all": 2, "none": 2, "rollup": 1, "sets": 1})
        keys: list[Item] = []
        items: list[Item] = []
        for number in range(self.pick((1, 2, 3, 4)) if kinds is None else len(kinds)):
            kind = None if kinds is None else kinds[number]
            key = None if form == "none" or not self.chance(0.5) else self._key(scope, kind)
            if key is not None and key.text not in {k.text for k in keys}:
                item = Item(key.text, Column(f"k{number}", key.kind, key.column.domain, key.column.samples))
                keys.append(item)
            else:
                kind = kind if kind in SCALARS else self.pick(SCALARS) if kind is None else Kind.TEXT
                item = Item(self.aggregate(scope, kind), Column(f"a{number}", kind, exact=kind is not Kind.FLOAT))
            items.append(item)
        having = ""
        if self.chance(0.3) and (keys or form == "none"):
            self.use("having")
            having = f" HAVING {self._having(scope, keys)}"
        group = self._group_by(form, keys, items)
        listed = ", ".join(i.written for i in items)
        columns = tuple(i.column for i in items)
        rows = 1 if form == "none" or not keys else min(scope.rows, 40)
        return Block(f"SELECT {listed} FROM {rest}{group}{having}", columns, rows)

    def _key(self, scope: Scope, kind: Kind | None) -> Reference | None:
        return self.reference(scope, *((kind,) if kind is not None else (*SCALARS, Kind.WHOLE)), outer=False)

    def _group_by(self, form: str, keys: list[Item], items: list[Item]) -> str:
        if not keys:
            return ""
        texts = [k.text for k in keys]
        if form == "all":
            self.use("group by all")
            return " GROUP BY ALL"
        if form == "rollup":
            self.use(form)
            return f" GROUP BY {self.pick(('ROLLUP', 'CUBE'))} ({', '.join(texts)})"
        if form == "sets":
            self.use("grouping sets")
            return f" GROUP BY GROUPING SETS (({', '.join(texts)}), ({texts[0]}), ())"
        self.use("group by")
        ways = (texts, [str(items.index(k) + 1) for k in keys], [quoted(k.column.name) for k in keys])
        return f" GROUP BY {', '.join(self.pick(ways))}"

    def _having(self, scope: Scope, keys: list[Item]) -> str:
        if keys and self.chance(0.5):
            key = self.pick(keys)
            return f"{key.text} {self.pick(('=', '>', '<>', '<='))} {self.literal(key.column)}"
        return self.pick((f"count(*) > {self.pick((0, 1, 3))}", f"{self.aggregate(scope, Kind.INT)} >= 1"))
