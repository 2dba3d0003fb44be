"""Random SELECTs over the awkward tables, from a seed: typed, so that most of them mean something to DuckDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

KINDS = ("int", "double", "text", "bool", "date", "moment", "decimal")
OF_KIND = {
    "int": ["k", "h", "i", "n", "i", "n", "h", "big", "top", "w"],
    "double": ["r", "f", "r", "g"],
    "text": ["s", "c"],
    "bool": ["b"],
    "date": ["d"],
    "moment": ["m"],
    "decimal": ["p", "q"],
}
CONSTANTS = {
    "int": ["0", "1", "2", "5", "-1", "10", "9", "40000", "9007199254740993"],
    "double": ["1.5", "0.1", "2.0", "1e0", "'nan'", "5"],
    "text": ["'a'", "'A'", "'10'", "'9'", "''", "'é'", "'NaN'"],
    "bool": ["true", "false"],
    "date": ["DATE '2020-02-29'", "'2020-03-01'", "DATE '1999-12-31'"],
    "moment": ["TIMESTAMP '2020-02-29 00:00:00'", "'2020-02-29 05:06:07'"],
    "decimal": ["1.5", "10", "-3", "0.01", "1.50", "-0.0001"],
}
PLAIN = {
    "int": ["0", "1", "2", "100"],
    "double": ["1.5e0", "0.0e0"],
    "text": ["'a'", "'x'"],
    "bool": ["true"],
    "date": ["DATE '2020-02-29'"],
    "moment": ["TIMESTAMP '2020-02-29 00:00:00'"],
    "decimal": ["0", "1.5", "10"],
}


class Writer:
    """Writes one SELECT; `names` are the columns in sight, by kind."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.names: dict[str, list[str]] = {}

    def one(self, *choices: Callable[[], str]) -> str:
        return self.chance.choice(choices)()

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    # expressions

    def column(self, kind: str) -> str:
        return self.chance.choice(self.names[kind]) if self.names.get(kind) else self.chance.choice(PLAIN[kind])

    def value(self, kind: str, depth: int = 2) -> str:
        if depth == 0 or self.maybe(0.45):
            return self.column(kind)
        deeper = lambda k: self.value(k, depth - 1)  # noqa: E731
        common: list[Callable[[], str]] = [
            lambda: f"CASE WHEN {self.condition(1)} THEN {deeper(kind)} ELSE {self.or_plain(kind)} END",
            lambda: f"coalesce({deeper(kind)}, {self.or_plain(kind)})",
            lambda: f"nullif({deeper(kind)}, {deeper(kind)})",
        ]
        return self.one(*common, *self.computed(kind, deeper))

    def or_plain(self, kind: str) -> str:
        return self.chance.choice(PLAIN[kind]) if self.maybe(0.5) else self.column(kind)

    def computed(self, kind: str, deeper: Callable[[str], str]) -> list[Callable[[], str]]:
        sign = self.chance.choice("+-*")
        match kind:
            case "int":
                return [
                    lambda: f"({deeper('int')} {sign} {self.or_plain('int')})",
                    lambda: f"({deeper('int')} {self.chance.choice(['//', '%'])} {self.chance.choice('237')})",
                    lambda: f"abs({deeper('int')})",
                    lambda: f"(-{self.column('int')})",
                    lambda: f"length({deeper('text')})",
                    lambda: f"{self.chance.choice(['year', 'month', 'day'])}({deeper('date')})",
                    lambda: f"CAST({deeper('int')} AS {self.chance.choice(['BIGINT', 'INTEGER'])})",
                    lambda: f"CAST({self.column('bool')} AS INTEGER)",
                ]
            case "double":
                return [
                    lambda: f"({deeper('int')} / {self.chance.choice(['2', '7', self.column('int')])})",
                    lambda: f"({deeper('double')} {sign} {self.or_plain('double')})",
                    lambda: f"({deeper('double')} / {self.or_plain('double')})",
                    lambda: f"(100.0 * {self.column('int')} / {self.column('int')})",
                    lambda: f"round({deeper('double')}, {self.chance.randrange(4)})",
                    lambda: f"CAST({deeper(self.chance.choice(['int', 'decimal']))} AS DOUBLE)",
                    lambda: f"({deeper('decimal')} / {self.or_plain('int')})",
                ]
            case "decimal":
                return [
                    lambda: f"({deeper('decimal')} {sign} {self.or_plain('decimal')})",
                    lambda: f"({self.chance.choice(['1', '2.5', self.column('int')])} {sign} {deeper('decimal')})",
                ]
            case "text":
                return [
                    lambda: f"({deeper('text')} || {self.or_plain('text')})",
                    lambda: f"{self.chance.choice(['lower', 'upper'])}({deeper('text')})",
                    lambda: f"substring({deeper('text')}, {self.chance.randrange(1, 3)}, 1)",
                    lambda: f"CAST({deeper(self.chance.choice(['int', 'date']))} AS VARCHAR)",
                ]
            case "date":
                return [lambda: f"CAST({deeper('moment')} AS DATE)"]
            case "moment":
                unit = self.chance.choice(["year", "month", "day", "hour"])
                return [lambda: f"date_trunc('{unit}', {deeper(self.chance.choice(['date', 'moment']))})"]
            case _:
                return [lambda: f"({self.condition(1)})"]

    def condition(self, depth: int = 2) -> str:
        kind = self.chance.choice(KINDS)
        subject = self.value(kind, min(depth, 1))
        constant = lambda: self.chance.choice(CONSTANTS[kind])  # noqa: E731
        operator = self.chance.choice(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
        if depth > 0 and self.maybe(0.35):
            inner = lambda: self.condition(depth - 1)  # noqa: E731
            return self.one(
                lambda: f"({inner()} {self.chance.choice(['AND', 'OR'])} {inner()})",
                lambda: f"NOT ({self.condition(depth - 1)})",
                lambda: f"({self.condition(depth - 1)}) IS {self.chance.choice(['TRUE', 'FALSE', 'NULL', 'NOT NULL'])}",
            )
        return self.one(
            lambda: f"{subject} {operator} {constant()}",
            lambda: f"{constant()} {operator} {subject}",
            lambda: f"{subject} {operator} {self.column(kind)}",
            lambda: f"{subject} IS {self.chance.choice(['NULL', 'NOT NULL'])}",
            lambda: f"{subject} BETWEEN {constant()} AND {constant()}",
            lambda: f"{subject} {self.chance.choice(['', 'NOT '])}IN ({constant()}, {constant()}, {constant()})",
            lambda: f"{self.value('text', 1)} {self.chance.choice(['', 'NOT '])}LIKE '{self.chance.choice(PATTERNS)}'",
            lambda: self.subquery_condition(kind, subject),
        )

    def subquery_condition(self, kind: str, subject: str) -> str:
        inner = self.chance.choice(OF_KIND[kind])
        other = self.chance.choice(OF_KIND["int"])
        negated = self.chance.choice(["", "NOT "])
        return self.one(
            lambda: f"{subject} {negated}IN (SELECT q.{inner} FROM u q WHERE q.{other} > 1)",
            lambda: f"{negated}EXISTS (SELECT 1 FROM u q WHERE q.{inner} = {self.column(kind)} AND q.{other} > 0)",
            lambda: f"{subject} >= (SELECT min(q.{inner}) FROM u q)",
            lambda: f"{self.column('int')} = (SELECT count(*) FROM u q WHERE q.{other} > {self.column('int')})",
        )

    def aggregate(self) -> tuple[str, str]:
        """Return an aggregate and its kind."""
        kind = self.chance.choice(KINDS)
        condition = f" FILTER (WHERE {self.condition(1)})" if self.maybe(0.2) else ""
        distinct = "DISTINCT " if self.maybe(0.2) else ""
        found = self.chance.choice(
            [
                ("count(*)", "int"),
                (f"count({distinct}{self.value(kind, 1)})", "int"),
                (f"sum({distinct}{self.value('int', 1)})", "int"),
                (f"sum({distinct}{self.value('decimal', 1)})", "decimal"),
                (f"avg({self.value('int', 1)})", "double"),
                (f"{self.chance.choice(['min', 'max'])}({self.value(kind, 1)})", kind),
                (f"{self.chance.choice(['bool_and', 'bool_or'])}({self.value('bool', 1)})", "bool"),
                (f"count({self.value(kind, 1)})", "int"),
            ]
        )
        return f"{found[0]}{condition}", found[1]

    def windowed(self) -> str:
        kind = self.chance.choice(KINDS)
        keys = f"PARTITION BY {self.column(self.chance.choice(KINDS))} " if self.maybe(0.5) else ""
        order = f"ORDER BY {self.column(kind)}{self.chance.choice(['', ' DESC', ' NULLS FIRST'])}, {self.key}"
        frame = self.chance.choice(
            ["", " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING"]
        )
        return self.one(
            lambda: f"{self.chance.choice(['row_number', 'rank', 'dense_rank'])}() OVER ({keys}{order})",
            lambda: f"{self.chance.choice(['lag', 'lead'])}({self.column(kind)}, 1) OVER ({keys}{order})",
            lambda: (
                f"{self.chance.choice(['first_value', 'last_value'])}({self.column(kind)}) OVER ({keys}{order}{frame})"
            ),
            lambda: f"{self.aggregate()[0]} OVER ({keys}{order}{frame})",
        )

    # queries

    def see(self, *aliases: str) -> None:
        # without its table a name may be a column or a result
        prefixes = [""] if len(aliases) == 1 and self.maybe(0.4) else [f"{a}." for a in aliases]
        self.key = ", ".join(f"{p}k" for p in prefixes)
        self.names = {kind: [f"{p}{c}" for p in prefixes for c in columns] for kind, columns in OF_KIND.items()}

    def alias(self, standard: str) -> str:
        return self.chance.choice([standard] * 3 + ["i", "s", "d", "r"])

    def source(self) -> str:
        kind = self.chance.choice(KINDS)
        left = self.chance.choice(OF_KIND[kind])
        right = self.chance.choice(OF_KIND[kind])
        one_table = self.chance.choice(["t", "t", "u", "e"])
        match self.chance.randrange(8):
            case 0 | 1 | 2:
                self.see("a")
                return f"{one_table} a"
            case 3:
                self.see("a", "b")
                word = self.chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN"])
                more = f" AND {self.condition(0)}" if self.maybe(0.4) else ""
                return f"t a {word} u b ON a.{left} = b.{right}{more}"
            case 4:
                self.see("a", "b")
                return f"t a {self.chance.choice(['JOIN', 'LEFT JOIN'])} u b USING ({left})"
            case 5:
                self.see("a", "b")
                return f"u a, u b WHERE a.{left} = b.{left}"
            case 6:
                self.see("a")
                where = f" WHERE {self.condition(1)}" if self.maybe(0.5) else ""
                return f"(SELECT * FROM {one_table} a{where}) a"
            case _:
                self.see("a")
                word = self.chance.choice(["SEMI", "ANTI"])
                return f"t a {word} JOIN u b ON a.{left} = b.{right}"

    def select(self) -> str:
        source = self.source()
        joined = "AND" if " WHERE a." in source and not source.startswith("(") else "WHERE"
        where = f" {joined} {self.condition()}" if self.maybe(0.6) else ""
        shape = self.chance.randrange(5)
        if shape == 0:
            kinds = [self.chance.choice(KINDS) for _ in range(self.chance.randrange(1, 4))]
            items = [f"{self.value(kind)} AS {self.alias(f'x{i}')}" for i, kind in enumerate(kinds)]
            return f"SELECT {self.chance.choice(['', 'DISTINCT '])}{', '.join(items)} FROM {source}{where}"
        if shape == 1:
            items = [f"{self.aggregate()[0]} AS {self.alias(f'x{i}')}" for i in range(self.chance.randrange(1, 4))]
            return f"SELECT {', '.join(items)} FROM {source}{where}"
        if shape == 2:
            window = self.windowed()
            qualify = f" QUALIFY {window} IS NOT NULL" if self.maybe(0.2) else ""
            return f"SELECT {self.key}, {window} AS x FROM {source}{where}{qualify}"
        return self.grouped(source, where)

    def grouped(self, source: str, where: str) -> str:
        keys = [self.value(self.chance.choice(KINDS), 1) for _ in range(self.chance.randrange(1, 3))]
        aggregates = [self.aggregate() for _ in range(self.chance.randrange(1, 4))]
        items = [f"{key} AS {self.alias(f'g{i}')}" for i, key in enumerate(keys)] + [
            f"{a} AS {self.alias(f'x{i}')}" for i, (a, _) in enumerate(aggregates)
        ]
        group = self.chance.choice([", ".join(keys), "ALL", ", ".join(str(i + 1) for i in range(len(keys)))])
        having = ""
        if self.maybe(0.35):
            found, kind = self.chance.choice(aggregates)
            having = f" HAVING {found} {self.chance.choice(['>', '<=', '<>'])} {self.chance.choice(CONSTANTS[kind])}"
        return f"SELECT {', '.join(items)} FROM {source}{where} GROUP BY {group}{having}"

    def statement(self) -> tuple[str, bool]:
        """Return a statement, and whether the order of its rows is known."""
        found = self.select()
        match self.chance.randrange(10):
            case 0:
                kind = self.chance.choice(KINDS)
                word = self.chance.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
                pair = [f"SELECT {self.column(kind)} AS v FROM {s}" for s in (self.source() for _ in range(2))]
                found = f"{pair[0]} {word} {pair[1]}" if all("WHERE" not in p for p in pair) else found
            case 1:
                found = f"WITH w AS ({found}) SELECT * FROM w"
            case 2:
                found = f"WITH w AS ({found}) SELECT count(*) AS n FROM w v, w u"
            case 3:
                found = f"SELECT count(*) AS n FROM ({found}) AS v"
        if self.maybe(0.4):
            limit = f" LIMIT {self.chance.randrange(1, 12)}" if self.maybe(0.5) else ""
            limit += f" OFFSET {self.chance.randrange(3)}" if limit and self.maybe(0.3) else ""
            return f"{found} ORDER BY ALL{self.chance.choice(['', ' DESC', ' NULLS FIRST'])}{limit}", True
        return found, False


PATTERNS: Sequence[str] = ("a%", "%b%", "_", "A%", "1_", "%", "é", "")


def statement(seed: int) -> tuple[str, bool]:
    """Return the statement of a seed, and whether the order of its rows is known."""
    return Writer(seed).statement()
