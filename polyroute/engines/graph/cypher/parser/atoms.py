"""Read atoms: literals, lists, maps, calls, CASE, comprehensions, subqueries, and paths that stand as conditions."""

from __future__ import annotations

from polyroute.engines.graph.cypher.lexer import FLOAT, INTEGER, NAME, PARAMETER, QUOTED, STRING
from polyroute.engines.graph.cypher.parser.reader import RESERVED, Reader
from polyroute.engines.graph.cypher.tree import (
    Call,
    Case,
    Expression,
    ListComprehension,
    ListLiteral,
    Literal,
    MapLiteral,
    MapProjection,
    Parameter,
    PatternComprehension,
    PatternPart,
    PatternPredicate,
    Property,
    Quantifier,
    Reduce,
    Subquery,
    Variable,
)
from polyroute.errors import QueryError

MAX_INTEGER = 2**63

_CONSTANTS = {"TRUE": (True, "boolean"), "FALSE": (False, "boolean"), "NULL": (None, "null")}
_QUANTIFIERS = ("ALL", "ANY", "NONE", "SINGLE")


class AtomReader(Reader):
    """The part of the parser that reads what operators stand between."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._no_paths: set[int] = set()

    def atom(self) -> Expression:
        """Read an atom."""
        token = self.token
        if token.kind in (INTEGER, FLOAT):
            return self.number(negative=False)
        if token.kind == STRING:
            return Literal(self.advance().text, "string")
        if token.kind == PARAMETER:
            return Parameter(self.advance().text)
        if self.at_sign("["):
            return self._list()
        if self.at_sign("{"):
            return self.map_literal()
        if self.at_sign("("):
            return self._parenthesised()
        if token.kind == QUOTED:
            return self._named(token.text)
        if token.kind != NAME:
            self.fail_here("an expression was expected")
        return self._word()

    def number(self, *, negative: bool) -> Literal:
        """Read a number, with the sign that stood before it."""
        token = self.advance()
        if token.kind == FLOAT:
            value = float(token.text)
            if value == float("inf"):
                self.fail(token.start, "a number is too large")
            return Literal(-value if negative else value, "float")
        digits = token.text
        base = {"0x": 16, "0o": 8}.get(digits[:2].lower(), 10)
        number = int(digits, base)
        if number > MAX_INTEGER or (number == MAX_INTEGER and not negative):
            self.fail(token.start, "an integer is too large", hint="integers have 64 bits; write a float, such as 1e20")
        return Literal(-number if negative else number, "integer")

    def _parenthesised(self) -> Expression:
        """Read a parenthesised expression, or a path that stands as a condition."""
        pattern = self._path_if_any()
        if pattern is not None:
            return pattern
        self.need_sign("(")
        inner = self.expression()
        self.need_sign(")")
        return inner

    def _path_if_any(self) -> PatternPredicate | None:
        at, part = self.token.start, self._try_path()
        return None if part is None else PatternPredicate(part, at)

    def _try_path(self) -> PatternPart | None:
        """Read a path of at least one relationship, or stay where it is."""
        place = self.place
        # A place is tried once: without this, nested parentheses would be read twice as often at every level.
        if place in self._no_paths:
            return None
        try:
            part = self.pattern_part()
        except QueryError:
            part = None
        if part is not None and part.relationships:
            return part
        self._no_paths.add(place)
        self.place = place
        return None

    def _list(self) -> Expression:
        """Read a list, a list comprehension or a pattern comprehension."""
        if self.peek().kind in (NAME, QUOTED) and self.peek(2).upper == "IN" and self.peek().upper not in RESERVED:
            comprehension = self._list_comprehension()
            if comprehension is not None:
                return comprehension
        comprehension = self._pattern_comprehension()
        if comprehension is not None:
            return comprehension
        self.need_sign("[")
        items = self._items("]")
        return ListLiteral(items)

    def _items(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        if self.take_sign(closing):
            return ()
        while True:
            items.append(self.expression())
            if self.take_sign(closing):
                return tuple(items)
            if not self.take_sign(","):
                self.fail_here(f"',' or {closing!r} was expected")

    def _list_comprehension(self) -> Expression | None:
        place = self.place
        self.need_sign("[")
        variable = self.variable_name()
        self.need_word("IN")
        source = self.expression()
        if not (self.at_word("WHERE") or self.at_sign("|") or self.at_sign("]")):
            self.place = place
            return None
        condition = self.expression() if self.take_word("WHERE") else None
        result = self.expression() if self.take_sign("|") else None
        self.need_sign("]")
        return ListComprehension(variable, source, condition, result)

    def _pattern_comprehension(self) -> Expression | None:
        place = self.place
        self.need_sign("[")
        part = self._try_path()
        if part is None or not (self.at_word("WHERE") or self.at_sign("|")):
            self.place = place
            return None
        condition = self.expression() if self.take_word("WHERE") else None
        self.need_sign("|")
        result = self.expression()
        self.need_sign("]")
        return PatternComprehension(part, condition, result)

    def map_literal(self) -> MapLiteral:
        """Read {key: value, ...}."""
        self.need_sign("{")
        items: list[tuple[str, Expression]] = []
        if self.take_sign("}"):
            return MapLiteral(())
        while True:
            key = self.name("a map key")
            self.need_sign(":")
            items.append((key, self.expression()))
            if self.take_sign("}"):
                return MapLiteral(tuple(items))
            if not self.take_sign(","):
                self.fail_here("',' or '}' was expected")

    def _word(self) -> Expression:
        word = self.token.upper
        followed_by = self.peek()
        if word in _CONSTANTS:
            self.advance()
            return Literal(*_CONSTANTS[word])
        if word == "CASE":
            return self._case()
        if word in ("EXISTS", "COUNT") and followed_by.text == "{":
            self.advance()
            return Subquery(word.lower(), self.braced_query())
        opens = followed_by.kind == "sign" and followed_by.text == "("
        if word in _QUANTIFIERS and opens and self.peek(3).upper == "IN":
            return self._quantifier()
        if word == "REDUCE" and opens:
            return self._reduce()
        if word == "EXISTS" and opens:
            return self._exists()
        if word in ("SHORTESTPATH", "ALLSHORTESTPATHS") and opens:
            part = self.pattern_part()
            return PatternPredicate(part, part.at)
        if word in RESERVED and not opens:
            self.fail_here("an expression was expected")
        return self._named(self.token.text)

    def _named(self, name: str) -> Expression:
        """Read a variable, a map projection or a call; function names may have dots."""
        token = self.advance()
        ahead = 0
        while self.peek(ahead).text == "." and self.peek(ahead + 1).kind == NAME and token.kind == NAME:
            ahead += 2
        if self.peek(ahead).kind == "sign" and self.peek(ahead).text == "(" and token.kind == NAME:
            while self.take_sign("."):
                name += "." + self.name("a function name")
            return self._call(name, token.start)
        variable = Variable(name, token.start)
        if self.at_sign("{"):
            return self._map_projection(variable)
        return variable

    def _call(self, name: str, at: int) -> Call:
        self.need_sign("(")
        if self.at_sign("*", ")"):
            self.take_sign("*", ")")
            if name.lower() != "count":
                self.fail(at, f"{name}(*) makes no sense, only count(*) does")
            return Call("count", (), star=True, at=at)
        distinct = self.take_word("DISTINCT")
        return Call(name.lower(), self._items(")"), distinct=distinct, at=at)

    def _map_projection(self, subject: Variable) -> MapProjection:
        self.need_sign("{")
        items: list[tuple[str | None, Expression | None]] = []
        while not self.take_sign("}"):
            if items and not self.take_sign(","):
                self.fail_here("',' or '}' was expected")
            if self.take_sign(".", "*"):
                items.append((None, None))
            elif self.at_sign("."):
                at = self.advance().start
                key = self.name("a property key")
                items.append((key, Property(subject, key, at)))
            else:
                at = self.token.start
                key = self.name("a map key")
                items.append((key, self.expression() if self.take_sign(":") else Variable(key, at)))
        return MapProjection(subject, tuple(items))

    def _case(self) -> Case:
        self.need_word("CASE")
        subject = None if self.at_word("WHEN") else self.expression()
        branches = []
        while self.take_word("WHEN"):
            condition = self.expression()
            self.need_word("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            self.fail_here("WHEN was expected")
        otherwise = self.expression() if self.take_word("ELSE") else None
        self.need_word("END")
        return Case(subject, tuple(branches), otherwise)

    def _quantifier(self) -> Quantifier:
        name = self.advance().text.lower()
        self.need_sign("(")
        variable = self.variable_name()
        self.need_word("IN")
        source = self.expression()
        self.need_word("WHERE")
        condition = self.expression()
        self.need_sign(")")
        return Quantifier(name, variable, source, condition)

    def _reduce(self) -> Reduce:
        self.advance()
        self.need_sign("(")
        accumulator = self.variable_name()
        self.need_sign("=")
        start = self.expression()
        self.need_sign(",")
        variable = self.variable_name()
        self.need_word("IN")
        source = self.expression()
        self.need_sign("|")
        result = self.expression()
        self.need_sign(")")
        return Reduce(accumulator, start, variable, source, result)

    def _exists(self) -> Expression:
        """Read exists(path) or exists(n.property)."""
        at = self.advance().start
        self.need_sign("(")
        inner = self.expression()
        self.need_sign(")")
        return Call("exists", (inner,), at=at)
