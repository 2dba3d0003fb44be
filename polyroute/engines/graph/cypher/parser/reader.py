"""The reader that all of the parser stands on: the tokens, and the place reached in them."""

from __future__ import annotations

from typing import NoReturn

from polyroute.engines.graph.cypher.lexer import END, NAME, QUOTED, SIGN, Token, syntax_error, tokenize
from polyroute.engines.graph.cypher.tree import Expression, PatternPart, Query

_WORDS = """
ALL AND AS ASC ASCENDING BY CALL CASE CONTAINS CREATE DELETE DESC DESCENDING DETACH DISTINCT ELSE END ENDS EXISTS FALSE
FOREACH IN IS LIMIT LOAD MATCH MERGE NOT NULL ON OPTIONAL OR ORDER REMOVE RETURN SET SKIP STARTS THEN TRUE UNION UNWIND
WHEN WHERE WITH XOR
"""
RESERVED = frozenset(_WORDS.split())
"""Words that cannot be variables unless they stand in backticks."""


class Reader:
    """Walk over the tokens of one query; the parts of the parser add what they can read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.place = 0

    @property
    def token(self) -> Token:
        """The token reached."""
        return self.tokens[self.place]

    def peek(self, ahead: int = 1) -> Token:
        """Return a later token; the END token past the last."""
        return self.tokens[min(self.place + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Return the token reached and go on to the next."""
        token = self.token
        if token.kind != END:
            self.place += 1
        return token

    def at_sign(self, *signs: str) -> bool:
        """Tell whether the tokens reached are these signs, one after the other."""
        return all(self.peek(i).kind == SIGN and self.peek(i).text == sign for i, sign in enumerate(signs))

    def take_sign(self, *signs: str) -> bool:
        """Go over these signs if they are next."""
        if not self.at_sign(*signs):
            return False
        self.place += len(signs)
        return True

    def need_sign(self, sign: str) -> None:
        """Go over a sign, or fail."""
        if not self.take_sign(sign):
            self.fail_here(f"{sign!r} was expected")

    def at_word(self, *words: str) -> bool:
        """Tell whether the tokens reached are these keywords, one after the other."""
        return all(self.peek(i).upper == word for i, word in enumerate(words))

    def take_word(self, *words: str) -> bool:
        """Go over these keywords if they are next."""
        if not self.at_word(*words):
            return False
        self.place += len(words)
        return True

    def need_word(self, word: str) -> None:
        """Go over a keyword, or fail."""
        if not self.take_word(word):
            self.fail_here(f"{word} was expected")

    def name(self, what: str) -> str:
        """Read a label, a type, a property key or a function name: any name, reserved or not."""
        if self.token.kind not in (NAME, QUOTED):
            self.fail_here(f"{what} was expected")
        return self.advance().text

    def variable_name(self, what: str = "a variable") -> str:
        """Read the name of a variable; a reserved word needs backticks."""
        if self.token.upper in RESERVED:
            self.fail_here(f"{what} was expected, {self.token.text} is a reserved word")
        return self.name(what)

    def fail(self, at: int, problem: str, *, hint: str | None = None) -> NoReturn:
        """Raise QUERY_INVALID for a place in the text."""
        raise syntax_error(self.text, at, problem, hint=hint)

    def fail_here(self, problem: str) -> NoReturn:
        """Raise QUERY_INVALID for the token reached, naming it."""
        token = self.token
        found = "the end" if token.kind == END else repr(self.text[token.start : token.end][:40])
        self.fail(token.start, f"{problem}, found {found}")

    def expression(self) -> Expression:
        """Read an expression."""
        raise NotImplementedError

    def pattern_part(self) -> PatternPart:
        """Read one path pattern, with its variable if it has one."""
        raise NotImplementedError

    def braced_query(self) -> Query:
        """Read the braces of exists { } or count { }: a query, or a pattern with WHERE."""
        raise NotImplementedError
