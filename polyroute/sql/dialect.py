"""Read and write SQL: DuckDB's dialect, with polyroute's own table functions left as they were written.

sqlglot knows the functions of forty engines, and one of them is BigQuery's `VECTOR_SEARCH`, which it checks against
BigQuery's arguments. Here every operation of ours stays a plain call (`exp.Anonymous`) with positional and
`name => value` arguments (`exp.Kwarg`); so do the few DuckDB functions whose meaning sqlglot would change. This is the
lowest room of the sql floor: what reads SQL text goes through `parse_statement` or `parse_expression`, what writes
DuckDB text through `render`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError
from sqlglot.tokenizer_core import Token, TokenType

from polyroute.errors import invalid
from polyroute.operations import operations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot.dialects.dialect import DialectType

    from polyroute.errors import QueryError

MAX_DEPTH = 200

# sqlglot writes these otherwise than DuckDB reads them: other arguments, or another answer
_REWRITTEN = frozenset(
    ("date_add", "jaro_winkler_similarity", "reduce", "regexp_extract", "regexp_extract_all", "regexp_replace")
)
_OURS = "\u2060"  # a word joiner: glued to a name, it hides the name from sqlglot's table of functions
_IN_LIST = "list" + _OURS
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TWO_DOLLARS = re.compile(r"\$\w+[^\s$]+\$")
_QUOTED_OR_PARAMETER = re.compile(
    r"""(?P<text>[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|--[^\n]*|/\*.*?\*/
    |\$(?P<tag>[^\W\d]\w*)?\$.*?\$(?P=tag)?\$)|(?P<parameter>\$\w+)""",
    re.DOTALL | re.VERBOSE,
)
_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


class Polyroute(DuckDB):
    """Speak DuckDB's SQL with polyroute's table functions.

    sqlglot's parsers are compiled and cannot be subclassed, so what they would misread is guarded in the token stream,
    on the way in, and restored in the tree, on the way out.
    """

    ORIGINAL_NAME_META_KEY = "polyroute_name"

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        """Split SQL into tokens, with guards around what sqlglot would misread."""
        # without the last line break sqlglot stumbles over '' at the end of a text with parameters
        tokens = super().tokenize(_apart(sql) + "\n", dialect)
        for token, following in pairwise(tokens):
            if following.token_type is TokenType.L_PAREN and _is_shadowed(token.text):
                token.text += _OURS
        return _guard_in_lists(tokens)

    def parse(self, sql: str, **opts: object) -> list[exp.Expr | None]:
        """Parse every statement of a text."""
        return [_restored(tree) for tree in super().parse(sql, **opts)]  # type: ignore[arg-type]

    def parse_into(self, expression_type: exp.IntoType, sql: str, **opts: object) -> list[exp.Expr | None]:
        """Parse a text into a given kind of expression."""
        return [_restored(tree) for tree in super().parse_into(expression_type, sql, **opts)]  # type: ignore[arg-type]


def _apart(sql: str) -> str:
    """Put a space after a parameter where `$a+$b` would be taken for the opening `$a+$` of a quotation."""
    if not _TWO_DOLLARS.search(sql):
        return sql
    return _QUOTED_OR_PARAMETER.sub(lambda found: found[0] + " " if found["parameter"] else found[0], sql)


def _is_shadowed(name: str) -> bool:
    lower = name.lower()
    return lower in _REWRITTEN or (lower in operations() and name.upper() in DuckDB.Parser.FUNCTIONS)


def _guard_in_lists(tokens: list[Token]) -> list[Token]:
    """Make `x IN [1, NULL]` a call: DuckDB asks whether the list contains x, sqlglot would make it `x IN (1, NULL)`."""
    if not any(a.token_type is TokenType.IN and b.token_type is TokenType.L_BRACKET for a, b in pairwise(tokens)):
        return tokens
    guarded: list[Token] = []
    open_brackets: list[bool] = []
    for token in tokens:
        if token.token_type is TokenType.L_BRACKET:
            is_list = bool(guarded) and guarded[-1].token_type is TokenType.IN
            open_brackets.append(is_list)
            if is_list:
                guarded += [_beside(token, TokenType.VAR, _IN_LIST), _beside(token, TokenType.L_PAREN, "(")]
        guarded.append(token)
        if token.token_type is TokenType.R_BRACKET and open_brackets and open_brackets.pop():
            guarded.append(_beside(token, TokenType.R_PAREN, ")"))
    return guarded


def _beside(token: Token, type_: TokenType, text: str) -> Token:
    return Token(type_, text, token.line, token.col, token.start, token.end)


def _restored(tree: exp.Expr | None) -> exp.Expr | None:
    for call in [] if tree is None else list(tree.find_all(exp.Anonymous)):
        if call.name == _IN_LIST:
            call.replace(call.expressions[0])
        elif call.name.endswith(_OURS):
            call.set("this", call.name.removesuffix(_OURS))
    for join in [] if tree is None else list(tree.find_all(exp.Join)):
        if isinstance(join.this, exp.Unnest) and [name for name, value in join.args.items() if value] == ["this"]:
            join.set("this", _as_call(join.this))
    return tree


def _as_call(unnest: exp.Unnest) -> exp.Expr:
    """Return UNNEST as any table function: sqlglot writes `a, UNNEST(x)` as `a JOIN UNNEST(x) ON TRUE`.

    A comma binds weaker than JOIN, and that decides the rows of an outer join behind it.
    """
    if unnest.args.get("offset"):
        return unnest
    call = exp.Anonymous(this="UNNEST", expressions=unnest.expressions)
    return exp.Table(this=call, alias=unnest.args.get("alias"))


_DIALECT = Polyroute()


def parse_statement(sql: str) -> exp.Expr:
    """Parse exactly one SQL statement.

    Raises:
        QueryError: QUERY_INVALID, when the text does not parse, holds no statement, or holds more than one.

    >>> parse_statement("SELECT * FROM vector_search('passages', [0.1, 0.2], k => 3)").find(exp.Anonymous).name
    'vector_search'
    """
    statements = [tree for tree in parse_all(sql) if tree is not None]
    if not statements:
        raise invalid("there is no SQL statement to run", hint="write one statement, such as SELECT * FROM a_dataset")
    if len(statements) > 1:
        raise invalid(
            f"{len(statements)} SQL statements were given where one is expected",
            hint="send the statements one by one, and values as parameters ($name)",
        )
    [statement] = statements
    if isinstance(statement, exp.Condition | exp.Alias):
        raise invalid("this is an expression, not a SQL statement", hint="begin with SELECT, INSERT, UPDATE, ...")
    return statement


def number_places(sql: str) -> tuple[str, int]:
    """Return a statement with every `?` written as `$1`, `$2`, ..., and how many there were; a text that has no tokens
    stays as it is.

    >>> number_places("a = ? AND b = '?'")
    ("a = $1 AND b = '?'", 1)
    """
    text = _apart(sql)
    try:
        found = [t for t in _DIALECT.tokenize(text) if t.token_type is TokenType.PLACEHOLDER and t.text == "?"]
    except TokenError:
        return sql, 0
    for number, token in reversed(list(enumerate(found, 1))):
        text = f"{text[: token.start]}${number}{text[token.end + 1 :]}"
    return (text if found else sql), len(found)


def parse_all(sql: str) -> Sequence[exp.Expr | None]:
    """Parse every statement of a text; an empty one is None. Raises QueryError (QUERY_INVALID) with line and column."""
    try:
        tokens = _DIALECT.tokenize(sql)
        _refuse_depth(tokens)
        parsed = _DIALECT.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, sql)
        return [_restored(tree) for tree in parsed]
    except (ParseError, TokenError, RecursionError) as error:
        raise _syntax_error(error) from None


def parse_expression(text: str) -> exp.Expr:
    """Parse a text as exactly one SQL expression, such as a condition.

    Raises:
        QueryError: QUERY_INVALID, when the text does not parse, is empty, or goes on after the expression.

    >>> parse_expression("a + 1 > $b").key
    'gt'
    """
    try:
        _refuse_depth(_DIALECT.tokenize(text))
        expressions = _DIALECT.parse_into(exp.Condition, text, error_level=ErrorLevel.IMMEDIATE)
    except (ParseError, TokenError, RecursionError) as error:
        raise _syntax_error(error) from None
    if len(expressions) > 1:
        raise invalid(
            "a semicolon ends the expression, and text follows it", hint="give one expression, values as $name"
        )
    if not expressions or expressions[0] is None:
        raise invalid("the expression is empty", hint="write a condition such as a > 1 AND b = $b")
    return expressions[0]


def render(expression: exp.Expr, *, copy: bool = True) -> str:
    """Write a tree as DuckDB SQL text, without comments; without `copy` the tree may be changed by it.

    >>> render(parse_statement("select x[1] from t -- first"))
    'SELECT x[1] FROM t'
    """
    try:
        return _DIALECT.generate(expression, copy=copy, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise invalid(f"this SQL cannot be written in DuckDB's dialect: {_clean(str(error))}") from error


def _refuse_depth(tokens: Sequence[Token]) -> None:
    """Refuse what would overflow the stack of the recursive parser (a crash, not an exception, in compiled code)."""
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAX_DEPTH:
            raise invalid(f"the SQL is nested more than {MAX_DEPTH} levels deep", hint="flatten the parentheses")


def _syntax_error(error: ParseError | TokenError | RecursionError) -> QueryError:
    if isinstance(error, RecursionError):
        return invalid("the SQL is nested too deeply", hint="write it flatter")
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else None
    if details is None:
        return invalid(
            "the SQL does not parse: a quotation or a comment is not closed, or a character is not SQL",
            hint="close what was opened; inside a text '' is a quotation mark",
        )
    where = f"line {details.get('line')}, column {details.get('col')}"
    reason = _clean(str(details.get("description") or "unexpected text"))
    near = _nearby(str(details.get("highlight") or ""))
    return invalid(f"the SQL does not parse at {where}: {reason}{near}", hint="check the text around that place")


def _nearby(token: str) -> str:
    """Name the offending token, unless it is a literal: values are never shown."""
    return f" near {token}" if re.fullmatch(r"[A-Za-z_]\w{0,62}|[^\w\s'\"]{1,3}", token) else ""


def _clean(message: str) -> str:
    plain = _COLOURS.sub("", message).split("\n", 1)[0]
    return re.sub(r"<class '[\w.]*\.(\w+)'>", r"\1", plain).strip().rstrip(".")
