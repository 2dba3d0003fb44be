"""Cut openCypher text into tokens.

Arrows are not tokens: `<`, `-` and `>` stay single signs, since `a<-1` and `(a)<-[r]-(b)` only differ in what follows.
Keywords are names; the parser knows from its place which is which, so a property may be called `n.order`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from polyroute.errors import QueryError, invalid

NAME, QUOTED, STRING, INTEGER, FLOAT, PARAMETER, SIGN, END = (
    "name",
    "quoted name",
    "string",
    "integer",
    "float",
    "parameter",
    "sign",
    "end",
)

_PATTERN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<float>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
  | (?P<integer>0x[0-9a-fA-F]+|0o[0-7]+|\d+)
  | (?P<name>[^\W\d]\w*)
  | `(?P<quoted>(?:[^`]|``)+)`
  | \$(?:(?P<parameter>\w+)|`(?P<quoted_parameter>(?:[^`]|``)+)`)
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<sign><>|<=|>=|=~|\.\.|\+=|[-+*/%^=<>()\[\]{},.:;|&!])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "`": "`"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its meaning as text, where it starts and ends in the query."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text of a name in upper case, as keywords are compared; empty for every other kind."""
        return self.text.upper() if self.kind == NAME else ""


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a query, an END token last.

    >>> [token.text for token in tokenize("MATCH (n) // all")]
    ['MATCH', '(', 'n', ')', '']
    """
    tokens = []
    position = 0
    while position < len(text):
        found = _PATTERN.match(text, position)
        if found is None:
            _fail(text, position)
        kind = found.lastgroup or ""
        if kind != "space":
            tokens.append(_token(text, kind, found))
        position = found.end()
    tokens.append(Token(END, "", len(text), len(text)))
    return tokens


def _token(text: str, kind: str, found: re.Match[str]) -> Token:
    start, end, content = found.start(), found.end(), found[kind]
    if kind in ("float", "integer") and text[end : end + 1].isidentifier():
        raise syntax_error(text, start, "a number runs into a name")
    if kind == "string":
        return Token(STRING, _unescape(text, start, content[1:-1]), start, end)
    if kind in ("quoted", "quoted_parameter"):
        return Token(QUOTED if kind == "quoted" else PARAMETER, content.replace("``", "`"), start, end)
    return Token(kind, content, start, end)


def _unescape(text: str, start: int, content: str) -> str:
    def replace(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        if code:
            number = int(code, 16)
            if number > 0x10FFFF:
                raise syntax_error(text, start, f"\\{found[0][1:]} is no character")
            return chr(number)
        if found[3] not in _ESCAPES:
            raise syntax_error(text, start, f"the escape \\{found[3]} is unknown")
        return _ESCAPES[found[3]]

    return _ESCAPE.sub(replace, content) if "\\" in content else content


def _fail(text: str, position: int) -> NoReturn:
    sign = text[position]
    if sign in "'\"":
        raise syntax_error(text, position, "a string is not closed")
    if sign == "`":
        raise syntax_error(text, position, "a quoted name is empty or not closed")
    if text.startswith("/*", position):
        raise syntax_error(text, position, "a comment is not closed")
    raise syntax_error(text, position, f"the character {sign!r} means nothing here")


def syntax_error(text: str, position: int, problem: str, *, hint: str | None = None) -> QueryError:
    """Make the QUERY_INVALID error for a place in the query, told by line and column from 1."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return invalid(f"openCypher, line {line}, column {column}: {problem}", hint=hint)
