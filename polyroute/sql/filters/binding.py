"""Replace what a resolved tree compares by placeholders: constants now, parameters when their values come.

A constant becomes a bound value where its kind and that of the column leave no doubt; else it stays in the text,
which DuckDB then reads as it was written. `x IN (1, 2)` becomes one placeholder with a tuple.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import pyarrow as pa
from sqlglot import exp

from polyroute.errors import invalid, unknown_name
from polyroute.sql.filters.allowed import clock
from polyroute.sql.filters.coerce import coerce, normalise
from polyroute.sql.filters.exact import domain, exact_values
from polyroute.sql.filters.in_list import InList, in_list_of_kind
from polyroute.sql.filters.literals import NO_LITERAL, literal
from polyroute.sql.filters.typing import item_type, type_of

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)

_CONSTANT = "the constant"


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder that waits for a parameter.

    Attributes:
        source: the parameter's name, or the clock.
        type: the Arrow type it is compared with, where that is known.
        many: whether it is the list of an IN.
        alone: whether no other value is compared in the same IN or BETWEEN.
    """

    source: str
    type: pa.DataType | None
    many: bool = False
    alone: bool = True

    def fill(self, given: Mapping[str, object], now: dt.datetime | None) -> object:
        """Give the slot's value from the parameters of this call."""
        if self.source in ("now()", "current_date"):
            moment = now or dt.datetime.now(dt.UTC)
            return coerce(moment if self.source == "now()" else moment.date(), self.type, self.source)
        if self.source not in given:
            raise _missing(self.source, given)
        what = f"${self.source}"
        if self.many and (listed := in_list_of_kind(given[self.source], self.type)) is not None:
            return listed
        value = normalise(given[self.source], what)
        if not self.many:
            return coerce(value, self.type, what, alone=self.alone)
        if not isinstance(value, tuple):
            raise invalid(
                f"{what} follows IN but is not a list", hint="give a list of values, or write = instead of IN"
            )
        texts = all(isinstance(item, str) for item in value)
        # like DuckDB's `x IN a_list`, which is list_contains: NULLs in the list match nothing and make nothing unknown
        return InList(coerce(item, self.type, what, alone=texts) for item in value if item is not None)


class Binder:
    """Bind one resolved tree; `bind` is given every node, from the root down."""

    def __init__(self, schema: pa.Schema, names: frozenset[str]) -> None:
        self.schema = schema
        self.constants: dict[str, object] = {}
        self.slots: dict[str, Slot] = {}
        self._names = names
        self._numbers = count(1)
        self._named: dict[Slot, str] = {}
        self._made: set[int] = set()

    def bind(self, node: exp.Expr) -> exp.Expr:
        """Replace the values that a node compares; to be used with `transform`."""
        if isinstance(node, COMPARISONS):
            self._compare(node, "this", "expression")
            self._compare(node, "expression", "this")
        elif isinstance(node, exp.Between):
            self._compare(node, "this", "low", "high")
        elif isinstance(node, exp.Like | exp.ILike | exp.StartsWith | exp.EndsWith | exp.Contains | exp.ArrayContains):
            self._bind_part(node)
        elif isinstance(node, exp.In):
            self._bind_in(node)
        elif _waits(node):
            return self._slot(node, None)
        return node

    def _compare(self, node: exp.Expr, subject: str, *others: str) -> None:
        type_ = type_of(node.args[subject], self.schema)
        if type_ is None:
            return
        operands = [node.args[name] for name in others]
        for name, operand in zip(others, self._bound(operands, type_), strict=True):
            node.set(name, operand)

    def _bind_part(self, node: exp.Expr) -> None:
        """Bind the pattern or the part that is looked for in a text, or the item looked for in a list."""
        type_ = item_type(node, self.schema)
        if type_ is None and domain(text := type_of(node.this, self.schema) or pa.null()) == "string":
            type_ = text
        if type_ is not None:
            [operand] = self._bound([node.expression], type_)
            node.set("expression", operand)

    def _bind_in(self, node: exp.In) -> None:
        type_ = type_of(node.this, self.schema)
        listed = node.args.get("field")
        if isinstance(listed, exp.Placeholder):
            node.set("field", self._slot(listed, type_, many=True))
        elif isinstance(listed, exp.Array):
            self._bind_list(node, [item for item in listed.expressions if not isinstance(item, exp.Null)], type_)
        elif listed is None and type_ is not None:
            self._bind_list(node, node.expressions, type_)

    def _bind_list(self, node: exp.In, items: Sequence[exp.Expr], type_: pa.DataType | None) -> None:
        if type_ is None:
            return
        operands = self._bound(items, type_)
        if all(self._is_constant(operand) for operand in operands):
            values = tuple(self._take(operand) for operand in operands)
            node.set("expressions", None)
            node.set("field", self._constant(values if None in values else InList(values)))
        elif node.args.get("field") is None:
            node.set("expressions", operands)

    def _bound(self, operands: Sequence[exp.Expr], type_: pa.DataType) -> list[exp.Expr]:
        """Bind the operands of one comparison, together: DuckDB finds one type for all of them."""
        literals = [literal(operand) for operand in operands]
        alone = len(operands) == 1 or all(isinstance(value, str) for value in literals)
        values = [
            coerce(value, type_, _CONSTANT, alone=alone) if value is not NO_LITERAL else value for value in literals
        ]
        # a FLOAT beside one DOUBLE compares as DOUBLE, beside DECIMALs as FLOAT: all of them are settled, or none
        together = pa.types.is_float32(type_) and not all(_settles(value, type_) for value in values)
        return [
            self._slot(operand, type_, alone=alone)
            if _waits(operand)
            else self._constant(value)
            if not together and _settles(value, type_)
            else operand
            for operand, value in zip(operands, values, strict=True)
        ]

    def _slot(self, node: exp.Expr, type_: pa.DataType | None, *, many: bool = False, alone: bool = True) -> exp.Expr:
        if id(node) in self._made:
            return node
        slot = Slot(_source(node), type_, many, alone)
        name = self._named.get(slot)
        if name is None:
            wanted = node.name if isinstance(node, exp.Placeholder) else ""
            name = wanted if wanted and wanted not in self.slots else self._free(wanted)
            self._named[slot] = name
            self.slots[name] = slot
        return self._placeholder(name)

    def _constant(self, value: object) -> exp.Expr:
        if value is None:
            return exp.null()
        name = self._free("")
        self.constants[name] = value
        return self._placeholder(name)

    def _is_constant(self, node: exp.Expr) -> bool:
        return isinstance(node, exp.Null) or (isinstance(node, exp.Placeholder) and node.name in self.constants)

    def _take(self, node: exp.Expr) -> object:
        return None if isinstance(node, exp.Null) else self.constants.pop(node.name)

    def _placeholder(self, name: str) -> exp.Placeholder:
        node = exp.Placeholder(this=name)
        self._made.add(id(node))
        return node

    def _free(self, stem: str) -> str:
        while True:
            name = f"{stem}_{next(self._numbers)}"
            if name not in self._names:
                return name


def _settles(value: object, type_: pa.DataType) -> bool:
    return value is not NO_LITERAL and exact_values(type_, [value])


def _waits(node: exp.Expr) -> bool:
    return isinstance(node, exp.Placeholder) or clock(node) is not None


def _source(node: exp.Expr) -> str:
    if read := clock(node):
        return read
    if not node.this:
        raise invalid("a filter takes named parameters", hint="write $name instead of ?, and give params={'name': ...}")
    return node.name


def _missing(name: str, given: Mapping[str, object]) -> Exception:
    if given:
        return unknown_name("parameter", f"${name}", [f"${other}" for other in given])
    return invalid(f"the filter uses ${name} but no parameters were given", hint=f"give params={{{name!r}: ...}}")
