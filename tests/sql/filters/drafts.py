"""Rows and filter texts for the differential tests, drawn from small pools of awkward values so that the two meet."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "i": pa.int64(),
        "n": pa.int32(),
        "k": pa.uint8(),
        "f": pa.float64(),
        "g": pa.float32(),
        "s": pa.string(),
        "Name": pa.string(),
        "b": pa.bool_(),
        "c": pa.bool_(),
        "d": pa.date32(),
        "e": pa.date32(),
        "t": pa.timestamp("us"),
        "w": pa.timestamp("us", "UTC"),
        "r": pa.timestamp("s"),
        "h": pa.time64("us"),
        "m": pa.decimal128(9, 2),
        "u": pa.uint64(),
        "y": pa.binary(),
        "x": pa.struct({"a": pa.int64(), "y": pa.struct({"s": pa.string(), "f": pa.float64()})}),
        "l": pa.list_(pa.int64()),
        "q": pa.list_(pa.string()),
    }
)

INTEGERS = [0, 1, -1, 2, 3, 127, 128, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
SMALL = [0, 1, -1, 2, 127, 2**24, 2**24 + 1, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -0.0, 1.0, 0.5, -1.5, 0.1, 1e16, 2.0**53, 5e-324, math.inf, -math.inf, math.nan, -math.nan]
SINGLES = [0.0, -0.0, 1.0, 0.5, 0.10000000149011612, 16777216.0, math.inf, math.nan, -math.nan]
TEXTS = ["", "a", "A", "ab", "a%b", "a_b", "a\\b", "b", "é", "É", "ß", "İ", "ꚄA", "😀", "a\nb", "it's", "-- x"]
DATES = [dt.date(2020, 1, 1), dt.date(2020, 2, 29), dt.date(1969, 12, 31), dt.date(1, 1, 1), dt.date(9999, 12, 31)]
TIMES = [
    dt.datetime(2020, 1, 1),
    dt.datetime(2020, 1, 1, 0, 0, 0, 1),
    dt.datetime(1969, 12, 31, 23, 59, 59),
    dt.datetime(2020, 2, 29, 12),
]
ZONED = [stamp.replace(tzinfo=dt.UTC) for stamp in TIMES]
DECIMALS = [Decimal("0.00"), Decimal("1.00"), Decimal("1.50"), Decimal("-1.55"), Decimal("9999999.99")]
BOOLEANS = [True, False]
SECONDS = [stamp.replace(microsecond=0) for stamp in TIMES]
HOURS = [dt.time(0), dt.time(13, 14, 15), dt.time(13, 14, 15, 1)]
UNSIGNED = [0, 1, 2, 2**53, 2**63, 2**64 - 1]
BLOBS = [b"", b"a", b"a\x00", b"\xff\xfe"]

COLUMNS: dict[str, list[Any]] = {
    "i": INTEGERS,
    "n": SMALL,
    "k": [0, 1, 2, 255],
    "f": FLOATS,
    "g": SINGLES,
    "s": TEXTS,
    "Name": TEXTS,
    "b": BOOLEANS,
    "c": BOOLEANS,
    "d": DATES,
    "e": DATES,
    "t": TIMES,
    "w": ZONED,
    "r": SECONDS,
    "h": HOURS,
    "m": DECIMALS,
    "u": UNSIGNED,
    "y": BLOBS,
}
PATHS = {
    **COLUMNS,
    "x.a": INTEGERS,
    "x.y.s": TEXTS,
    "X.Y.F": FLOATS,
    "l[1]": INTEGERS,
    "l[-1]": INTEGERS,
    "NAME": TEXTS,
    "q[2]": TEXTS,
}
TEXT_PATHS = ["s", "name", "x.y.s"]
PAIRS = [
    ("i", "n"), ("i", "x.a"), ("f", "g"), ("s", "name"), ("d", "e"), ("d", "t"), ("n", "f"), ("n", "g"), ("i", "f"),
    ("i", "m"), ("t", "w"), ("t", "r"), ("u", "i"), ("u", "f"), ("k", "i"), ("k", "g"),
    ("i", "i"), ("f", "f"), ("f", "x.y.f"), ("b", "c"),
]  # fmt: skip
OTHER_NUMBERS = [
    "1.5",
    "1e0",
    "0.1",
    "2.50",
    "300",
    "16777217",
    "9007199254740993",
    "9007199254740993e0",
    "'1'",
    "' 2 '",
]
OTHER_TIMES = ["'2020-1-1'", "'2020-01-01 00:00:00.6'", "'2020-01-01 10:00:00'"]
OTHER_TIMES += ["date '2020-01-01'", "timestamp '2020-01-01 00:00:00'"]
OTHER_TIMES += ["date '2020-01-01'", "timestamp '2020-01-01 00:00:00'"]
OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
CONDITIONS = [
    "b",
    "c",
    "TRUE",
    "FALSE",
    "NULL",
    "b IS TRUE",
    "c IS NOT FALSE",
    "NOT b",
    "(i > 1) IS TRUE",
    "(d < e) = b",
]
COMPUTED = [
    "i + 1 > 2",
    "n % 2 = 1",
    "year(d) = 2020",
    "d + 1 > '2020-01-01'",
    "len(l) > 1",
    "coalesce(b, c)",
    "f * 2 > 1",
]


def draw_table(random: Random, size: int) -> pa.Table:
    """Draw rows, a third of their values NULL."""
    rows = [{"id": number, **_row(random)} for number in range(size)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(random: Random) -> dict[str, Any]:
    def maybe(make: Callable[[], Any]) -> Any:
        return None if random.random() < 0.3 else make()

    def pick(values: list[Any]) -> Any:
        return maybe(lambda: random.choice(values))

    row = {name: pick(values) for name, values in COLUMNS.items()}
    inner = maybe(lambda: {"s": pick(TEXTS), "f": pick(FLOATS)})
    row["x"] = maybe(lambda: {"a": pick(INTEGERS), "y": inner})
    row["l"] = maybe(lambda: [pick(INTEGERS) for _ in range(random.randrange(4))])
    row["q"] = maybe(lambda: [pick(TEXTS) for _ in range(random.randrange(4))])
    return row


def spell(value: object) -> str:
    """Write a value as a SQL literal."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value)
        case float() if not math.isfinite(value):
            return f"'{value}'"
        case float():
            return repr(value) if "e" in repr(value) else f"{value!r}e0"
        case int() | Decimal():
            return str(value)
        case dt.datetime():
            return f"'{value.replace(tzinfo=None).isoformat(' ')}'"
        case dt.date() | dt.time():
            return f"'{value.isoformat()}'"
        case bytes():
            return "'" + "".join(f"\\x{byte:02x}" for byte in value) + "'::BLOB"
    return "'" + str(value).replace("'", "''") + "'"


class Draft:
    """A filter text that is being drawn, with the parameters it uses."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.params: dict[str, object] = {}
        self.text = self._condition(random.randint(0, 2))

    def _condition(self, depth: int) -> str:
        way = self.random.randint(0, 5) if depth else 5
        if way < 4:
            word = "AND" if way < 2 else "OR"
            return f"({self._condition(depth - 1)}) {word} ({self._condition(depth - 1)})"
        return f"NOT ({self._condition(depth - 1)})" if way == 4 else self._atom()

    def _atom(self) -> str:
        makers = [
            self._fixed,
            self._columns,
            self._null,
            self._like,
            self._call,
            self._in,
            self._in_list,
            self._between,
        ]
        return self.random.choice([*makers, self._compare, self._compare, self._compare])()

    def _pick(self, values: list[Any]) -> Any:
        return self.random.choice(values)

    def _param(self, value: object) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def _value(self, path: str) -> str:
        way = self.random.randrange(10)
        kind = path.split(".")[-1][0].lower()
        if way == 0:
            return "NULL"
        if way == 1 and kind in "detwr" and path in COLUMNS:
            return self._pick(OTHER_TIMES)
        if way == 1 and kind in "inkfgmalu" and path != "NAME":
            return self._pick(OTHER_NUMBERS)
        value = self._pick(PATHS[path])
        return self._param(value) if way < 5 else spell(value)

    def _path(self) -> str:
        return self._pick(sorted(PATHS))

    def _not(self) -> str:
        return self._pick(["", "NOT "])

    def _fixed(self) -> str:
        return self._pick(CONDITIONS + COMPUTED)

    def _columns(self) -> str:
        left, right = self._pick(PAIRS)
        return f"{left} {self._pick(OPERATORS)} {right}"

    def _null(self) -> str:
        return f"{self._pick([*PATHS, 'x', 'l', 'x.y', 'q'])} IS {self._not()}NULL"

    def _compare(self) -> str:
        path = self._path()
        sides = [path, self._value(path)]
        if self.random.random() < 0.2:
            sides.reverse()
        return f"{sides[0]} {self._pick(OPERATORS)} {sides[1]}"

    def _in(self) -> str:
        path = self._path()
        items = ", ".join(self._value(path) for _ in range(self.random.randrange(5)))
        brackets = "[]" if self.random.random() < 0.1 else "()"
        return f"{path} {self._not()}IN {brackets[0]}{items}{brackets[1]}"

    def _in_list(self) -> str:
        path = self._path()
        values = [
            None if self.random.random() < 0.2 else self._pick(PATHS[path]) for _ in range(self.random.randrange(5))
        ]
        return f"{path} {self._not()}IN {self._param(values)}"

    def _between(self) -> str:
        path = self._path()
        return f"{path} {self._not()}BETWEEN {self._value(path)} AND {self._value(path)}"

    def _like(self) -> str:
        pattern = "".join(self._pick("aAbé%_\\") for _ in range(self.random.randrange(5)))
        word = self._pick(["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "~~"])
        escape = self._pick(["", "", " ESCAPE '\\'"]) if word != "~~" else ""
        return f"{self._pick(TEXT_PATHS)} {word} {spell(pattern)}{escape}"

    def _call(self) -> str:
        path, operator = self._pick(TEXT_PATHS), self._pick(OPERATORS)
        makers: list[Callable[[], str]] = [
            lambda: f"lower({path}) {operator} {self._value('s')}",
            lambda: f"upper({path}) {operator} {self._value('s')}",
            lambda: f"length({path}) {operator} {self._value('i')}",
            lambda: f"length(lower({path})) {operator} 1",
            lambda: f"starts_with({path}, {self._value('s')})",
            lambda: f"ends_with({path}, {self._value('s')})",
            lambda: f"contains({path}, {self._value('s')})",
            lambda: f"contains(q, {self._value('s')})",
            lambda: f"list_contains(l, {self._value('i')})",
            lambda: f"list_contains(q, {self._value('s')})",
            lambda: f"coalesce(i, 0) {operator} {self._value('i')}",
            lambda: f"coalesce({path}, 'a') {operator} {self._value('s')}",
            lambda: f"abs(f) {operator} {self._value('f')}",
        ]
        return self._pick(makers)()
