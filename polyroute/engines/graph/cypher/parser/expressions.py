"""Read expressions: operators by their precedence, between atoms with what follows them.

From loose to tight: OR, XOR, AND, NOT, comparisons, IN / STARTS WITH / IS NULL, + -, * / %, ^, sign, then property,
index, labels.
"""

from __future__ import annotations

from collections.abc import Callable

from polyroute.engines.graph.cypher.lexer import FLOAT, INTEGER
from polyroute.engines.graph.cypher.parser.atoms import AtomReader
from polyroute.engines.graph.cypher.tree import (
    Binary,
    Comparison,
    Expression,
    HasLabels,
    Index,
    Property,
    Slice,
    Unary,
)

MAX_DEPTH = 32

_COMPARISONS = ("=", "<>", "<=", ">=", "<", ">")
_WORD_OPERATORS = (("STARTS", "WITH"), ("ENDS", "WITH"), ("CONTAINS",), ("IN",))


class ExpressionReader(AtomReader):
    """The part of the parser that reads operators."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def expression(self) -> Expression:
        """Read a whole expression."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(self.token.start, f"expressions are nested more than {MAX_DEPTH} deep")
        try:
            return self._or()
        finally:
            self._depth -= 1

    def _or(self) -> Expression:
        return self._words(self._xor, "OR")

    def _xor(self) -> Expression:
        return self._words(self._and, "XOR")

    def _and(self) -> Expression:
        return self._words(self._not, "AND")

    def _words(self, operand: Callable[[], Expression], word: str) -> Expression:
        left = operand()
        while self.at_word(word):
            at = self.advance().start
            left = Binary(word, left, operand(), at)
        return left

    def _not(self) -> Expression:
        negations = []
        while self.at_word("NOT"):
            negations.append(self.advance().start)
        operand = self._comparison()
        for at in reversed(negations):
            operand = Unary("NOT", operand, at)
        return operand

    def _comparison(self) -> Expression:
        operands, operators = [self._predicate()], []
        while any(self.at_sign(sign) for sign in _COMPARISONS):
            operators.append(self.advance().text)
            operands.append(self._predicate())
        return Comparison(tuple(operands), tuple(operators)) if operators else operands[0]

    def _predicate(self) -> Expression:
        """Read what may be followed by IN, STARTS WITH, =~, IS NULL and the like."""
        left = self._sum()
        while True:
            at = self.token.start
            words = next((words for words in _WORD_OPERATORS if self.at_word(*words)), None)
            if words is not None:
                self.take_word(*words)
                left = Binary(" ".join(words), left, self._sum(), at)
            elif self.take_sign("=~"):
                left = Binary("=~", left, self._sum(), at)
            elif self.take_word("IS", "NOT", "NULL"):
                left = Unary("IS NOT NULL", left, at)
            elif self.take_word("IS", "NULL"):
                left = Unary("IS NULL", left, at)
            else:
                return left

    def _sum(self) -> Expression:
        return self._signs(self._product, "+", "-")

    def _product(self) -> Expression:
        return self._signs(self._power, "*", "/", "%")

    def _power(self) -> Expression:
        return self._signs(self._signed, "^")

    def _signs(self, operand: Callable[[], Expression], *signs: str) -> Expression:
        left = operand()
        while any(self.at_sign(sign) for sign in signs):
            token = self.advance()
            left = Binary(token.text, left, operand(), token.start)
        return left

    def _signed(self) -> Expression:
        at = self.token.start
        if self.take_sign("-"):
            if self.token.kind in (INTEGER, FLOAT):
                return self._followed(self.number(negative=True))
            return Unary("-", self._signed(), at)
        if self.take_sign("+"):
            return Unary("+", self._signed(), at)
        return self._followed(self.atom())

    def _followed(self, subject: Expression) -> Expression:
        """Read what stands behind an atom: .key, [index], [from..to], :Label."""
        while True:
            at = self.token.start
            if self.at_sign("."):
                self.advance()
                subject = Property(subject, self.name("a property key"), at)
            elif self.take_sign("["):
                subject = self._index_or_slice(subject)
            elif self.at_sign(":"):
                labels = []
                while self.take_sign(":"):
                    labels.append(self.name("a label"))
                subject = HasLabels(subject, tuple(labels))
            else:
                return subject

    def _index_or_slice(self, subject: Expression) -> Expression:
        start = None if self.at_sign("..") else self.expression()
        if not self.take_sign(".."):
            self.need_sign("]")
            assert start is not None  # noqa: S101 - only a slice may begin with ..
            return Index(subject, start)
        stop = None if self.at_sign("]") else self.expression()
        self.need_sign("]")
        return Slice(subject, start, stop)
