"""Take data values, secrets and places out of an engine's message, and leave what helps: the names in it.

DuckDB and LanceDB print absolute paths and key values, PostgreSQL prints whole rows, NetworkX prints nodes. A message
passes three sieves: the phrases in which the engines are known to print values, then paths and secrets, then whatever
is still quoted, of which only names of tables, columns and the like remain. What is taken out is not lost: the native
exception stays as `__cause__`, for the caller's own eyes.
"""

from __future__ import annotations

import re

__all__ = ["redact"]

_LONGEST = 600
_GONE = "..."


def redact(text: str) -> str:
    """Return a message without data values, secrets, absolute paths and quoted SQL text, at most 600 characters long.

    >>> redact('Constraint Error: Duplicate key "id: 5" violates primary key constraint.')
    'Constraint Error: Duplicate key (id) violates primary key constraint.'
    >>> redact('IO Error: Could not set lock on file "/home/ann/shop.duckdb": Conflicting lock is held')
    'IO Error: Could not set lock on file shop.duckdb: Conflicting lock is held'
    """
    # Text far longer than any message can only be data; the cut also bounds the work of the patterns.
    text = text[: 8 * _LONGEST]
    for pattern, replacement in (*_PHRASES, *_PLACES):
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    text = re.sub(_DOUBLE_QUOTED, _keep_identifier, text)
    text = re.sub(_SINGLE_QUOTED, _keep_name, text, flags=re.DOTALL).strip()
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + _GONE


# Patterns are compiled when first used, and then kept by `re`: importing this floor has to stay cheap.
_PHRASES = (
    # Excerpts of the statement: DuckDB and PostgreSQL, sqlglot, DataFusion.
    (r"\n+LINE \d+:[^\n]*(?:\n[ \t]*\^[~^]*)?", ""),
    (r"(Line \d+, Col: \d+\.)\n.*", r"\1"),
    (r"Error tokenizing '.*'", "Error tokenizing the statement"),
    (r"(parsing statement): .* \((?=sql parser error)", r"\1 ("),
    (r"(sql filter:|filter expression) .*?(?= \((?:Invalid|Error|regex)|: (?:Invalid|Error))", r"\1 " + _GONE),
    (r"regex parse error:.*\berror:", "regex parse error:"),
    # Keys and rows.
    (r'([Kk]ey) "([^":]+): .*"(?= (?:violates|does not|is still|already))', r"\1 (\2)"),
    (r"(constraint violation: duplicate key) .*", r"\1"),
    (r"[Kk]ey \(([^)]*)\)=\(.*\)(?= (?:already|is not|is still|conflicts))", r"Key (\1)"),
    (r"(Failing row contains) [^\n]*", r"\1 " + _GONE),
    (r"(target row on) \(.*\)\.", r"\1 the merge key."),
    (r"(with ID) \S+", r"\1 " + _GONE),
    # Values: DuckDB, Arrow, LanceDB, PostgreSQL.
    (r"((?:string|value|literal)) (['\"]).*\2(?= (?:to|as|according|is|with)\b)", r"\1 " + _GONE),
    (r"(Could not convert) .*(?= with type )", r"\1 a value"),
    (r"(\b[Vv]alue) (?:-?[\d.]\S*|inf|-inf|nan)(?= )", r"\1 " + _GONE),
    (r"(\bliteral) \w+\(.*?\)(?= and )", r"\1"),
    (r" \(-?[\d.]+ [-+*/%] -?[\d.]+\)", ""),
    (r"([Oo]ut of range): [^\n]*", r"\1"),
    (r"(according to format specifier [^\n]*)\n[^\n]*\n *\^", r"\1"),
    (r"(with text) '.*'", r"\1 " + _GONE),
    (r"(\bInput|Original Line): .*", r"\1 " + _GONE),
    (r"(Expected \d+ columns, got \d+): .*", r"\1"),
    (
        r"((?:missing|unexpected) [\])]|repetition operator|invalid [a-z ]+(?:sequence|class|range|operator)): .*",
        r"\1",
    ),
    # Nodes and edges.
    (
        r"\A((?:The |Either )?(?i:node|source|target|edge)s?) .+ (?=(?:is |are )?not (?:in|found|reachable)\b)",
        r"\1 " + _GONE + " ",
    ),
    (r"(not reachable from) .*", r"\1 the start"),
    (r"(^|\b)No path (?:between|to) .*", r"\1No path"),
    (r"(Edge tuple) .* (?=must )", r"\1 "),
    (r"( on node) \S+$", r"\1"),
    # Engine internals that say nothing: Rust source lines, printed schemas, DuckDB's list of advice.
    (r"(?:,\s*/[^\s,]+\.rs:\d+:\d+)+", ""),
    (r"(schema):?\s*(?:Schema \{|Field\().*", r"\1"),
    (r"\n+Possible solutions:.*", ""),
)

_FILE = r"([^\s'\"/:,;()]*)"
_PLACES = (
    (r"(?i)\b(password|passwd|pwd|secret|token|api_?key|access_?key)(\s*[=:]\s*)(?!\.\.\.)\S+", r"\1\2" + _GONE),
    (r"(\b\w[\w+.-]*://)[^\s/@'\"]+@", r"\1"),
    (r"(\b\w[\w+.-]*://[^\s?'\"]*)\?[^\s'\"]*", r"\1"),
    (r"(['\"])(?:file://)?(?:/|[A-Za-z]:[\\/])(?:[^'\"]*[\\/])?([^'\"\\/]*)\1", r"\2"),
    (r"(?:file://)(?=/)", ""),
    (r"(?<![\w/'\".:])(?:[A-Za-z]:\\|/)(?:[^\s\\/'\"]+(?: [^\s\\/'\":(),;]+)*[\\/])+" + _FILE, r"\1"),
)

_DOUBLE_QUOTED = r'"([^"]*)"'
_SINGLE_QUOTED = r"(?<!\w)'(.*?)'(?!\w)"
_IDENTIFIER = r"(?:[^\W\d][\w.$ -]*(?:\([^)]*\))?)?"
_VALUE_WORDS = frozenset({"value", "string", "token", "literal", "key", "input", "text", "constant", "near"})
_LIST_WORDS = frozenset({"bindings", "entries", "extensions", "mean", "use", "names", "columns", "functions"})
_PYTHON_TYPES = frozenset({"bool", "bytes", "dict", "float", "int", "list", "NoneType", "set", "str", "tuple"})
_NAME_WORDS = frozenset({
    "argument", "attribute", "collection", "column", "constraint", "database", "dataset", "engine", "field", "function",
    "index", "mean", "method", "module", "name", "named", "operator", "option", "parameter", "property", "relation",
    "schema", "scheme", "table", "type", "view",
})  # fmt: skip


def _keep_identifier(match: re.Match[str]) -> str:
    """Keep what double quotes hold where it can be a name: most engines quote names so, and say when it is a value."""
    body = match[1]
    word, gap = _before(match)
    if body == "" or (re.fullmatch(_IDENTIFIER, body) and _introduces_name(word, gap, body)):
        return match.group()
    return _GONE


def _introduces_name(word: str, gap: str, body: str) -> bool:
    if ":" in gap:
        return word in _LIST_WORDS
    # A syntax error shows the token it met, which may be a word of the statement but also a part of a value.
    return word not in _VALUE_WORDS or (word == "near" and body.isidentifier())


def _keep_name(match: re.Match[str]) -> str:
    """Keep what single quotes hold only where it is clearly a name, a type or a sign: engines print values in them."""
    body = match[1]
    word, _ = _before(match)
    qualified_name = word in ("use", "or") and re.fullmatch(r"\w+\.\w+", body) is not None
    if word in _NAME_WORDS or body in _PYTHON_TYPES or qualified_name:
        return match.group()
    is_sign = not any(character.isalnum() for character in body)
    return match.group() if is_sign or match.string.startswith(" object", match.end()) else _GONE


def _before(match: re.Match[str]) -> tuple[str, str]:
    """Find the word before a quotation, in lower case, and what stands between the two."""
    before = match.string[max(0, match.start() - 40) : match.start()]
    stripped = before.rstrip(" \t\n(,.=:")
    word = re.search(r"\w*\Z", stripped)
    return (word.group().lower() if word else ""), before[len(stripped) :]
