"""The order of all JSON values, that of CouchDB's views: null < false < true < numbers < strings < arrays < objects.

Strings stand in the order of the Unicode root collation (CLDR, tertiary strength): by letter, then accent, then
case with the small letter first, so that "a" < "A" < "aa" < "b". Here that order is exact for ASCII, follows it for
the accented Latin letters, and takes the letters of other scripts by code point within their group (spaces,
punctuation, symbols, currency, digits, letters). Strings that the collation holds for equal are told apart by code
point, so only identical strings are equal. Arrays compare element by element, objects member by member in the order
in which they are written; where one is the beginning of the other the shorter is first.

Source of the order: https://docs.couchdb.org/en/stable/ddocs/views/collation.html and Unicode Technical Standard 10.
"""

from __future__ import annotations

import unicodedata

NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT = range(6)

RANKS: dict[type, int] = {
    type(None): NULL,
    bool: BOOLEAN,
    int: NUMBER,
    float: NUMBER,
    str: STRING,
    list: ARRAY,
    dict: OBJECT,
}
TYPE_NAMES = ("null", "boolean", "number", "string", "array", "object")

TextKey = tuple[str, str, str, str]
SortKey = tuple[object, ...]

_GROUPS = (
    "\t\n\v\f\r ",
    "_-,;:!?.'\"()[]{}@*/\\&#%",
    "`^+<=>|~",
    "$",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
)
# A character that a group does not list is weighed by the group's mark followed by itself, hence after those listed.
_GROUP_OF_CATEGORY = {"Z": 0, "P": 1, "S": 2, "Sc": 3, "N": 4}
_LETTERS = len(_GROUPS) - 1
_EXPANSIONS = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ß": "ss", "\u0131": "i"}
_EXPANDED = "\U0010ffff"
# Acute, grave, breve, circumflex, caron, ring, diaeresis, double acute, tilde, dot, cedilla, ogonek, macron.
_ACCENTS = {
    accent: chr(place)
    for place, accent in enumerate("\u0301\u0300\u0306\u0302\u030c\u030a\u0308\u030b\u0303\u0307\u0327\u0328\u0304", 1)
}
_NO_ACCENT = "\0"


def _ascii_weights() -> tuple[dict[str, str], list[str]]:
    weights: dict[str, str] = {}
    marks: list[str] = []
    for group in _GROUPS:
        for character in group:
            weights[character] = chr(len(weights) + len(marks) + 1)
        marks.append(chr(len(weights) + len(marks) + 1))
    return weights, marks


_WEIGHTS, _MARKS = _ascii_weights()
_ASCII = {code: _WEIGHTS.get(chr(code).lower(), "") for code in range(128)}


def string_key(text: str) -> TextKey:
    """Return the key that orders strings: letters, accents, case, code points.

    >>> sorted(["b", "aa", "A", "a"], key=string_key)
    ['a', 'A', 'aa', 'b']
    """
    if text.isascii():
        return text.translate(_ASCII), "", text.swapcase(), text
    letters: list[str] = []
    accents: list[str] = []
    plain: list[str] = []
    for character in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(character):
            accents.append(_ACCENTS.get(character, character))
            continue
        plain.append(character.swapcase())
        expansion = _EXPANSIONS.get(character.lower())
        for folded in expansion or character.casefold():
            letters.append(_weight(folded))
            accents.append(_NO_ACCENT)
        if expansion:
            accents.append(_EXPANDED)
    return "".join(letters), "".join(accents).rstrip(_NO_ACCENT), "".join(plain), text


def _weight(character: str) -> str:
    if character.isascii():
        return _ASCII[ord(character)]
    category = unicodedata.category(character)
    if category in ("Cc", "Cf"):
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return _WEIGHTS[str(digit)]
    group = _GROUP_OF_CATEGORY.get(category, _GROUP_OF_CATEGORY.get(category[0], _LETTERS))
    return _MARKS[group] + character


def sort_key(value: object) -> SortKey:
    """Return the key that orders JSON values of any type among each other.

    >>> sorted([{}, [1], "a", 2, True, None], key=sort_key)
    [None, True, 2, 'a', [1], {}]
    """
    rank = RANKS[type(value)]
    if rank == STRING:
        return (rank, string_key(value))  # type: ignore[arg-type]
    if rank == ARRAY:
        return (rank, tuple(sort_key(item) for item in value))  # type: ignore[attr-defined]
    if rank == OBJECT:
        return (rank, tuple((string_key(name), sort_key(item)) for name, item in value.items()))  # type: ignore[attr-defined]
    return (rank, value)


def key_order(value: object) -> SortKey:
    """Return the key that orders document keys: as `sort_key`, but strings by code point, as CouchDB orders `_id`.

    >>> sorted(["a", "B"], key=key_order)
    ['B', 'a']
    """
    return (STRING, value) if type(value) is str else sort_key(value)
