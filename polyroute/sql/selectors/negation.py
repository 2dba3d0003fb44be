"""The normal form of a selector: negation stands at the fields only.

As in CouchDB a negated selector still asks for its fields: `{"$not": {"age": {"$gt": 10}}}` is `{"age": {"$lte":
10}}`, which a document without an age does not match. Hence negation is not a boolean turned round but a rewriting,
by De Morgan's laws and the opposite of each operator.
"""

from __future__ import annotations

from polyroute.sql.selectors.tree import (
    AllMatch,
    And,
    Compare,
    ElemMatch,
    Exists,
    Field,
    In,
    KeyMapMatch,
    Node,
    Nor,
    Not,
    NotIn,
    Or,
    Test,
    Unless,
)

_OPPOSITES = {"$eq": "$ne", "$ne": "$eq", "$gt": "$lte", "$lte": "$gt", "$lt": "$gte", "$gte": "$lt"}


def normal_form(node: Node) -> Node:
    """Return an equal tree of And, Or and Field only.

    >>> normal_form(Not(Field(("age",), Compare("$gt", 10))))
    Field(path=('age',), test=Compare(operator='$lte', value=10))
    """
    match node:
        case And(parts):
            return And(tuple(normal_form(part) for part in parts))
        case Or(parts):
            return Or(tuple(normal_form(part) for part in parts))
        case Not(part):
            return _negated(part)
        case Nor(parts):
            return And(tuple(_negated(part) for part in parts))
        case Field(path, test):
            return Field(path, _normal_test(test))


def _negated(node: Node) -> Node:
    match node:
        case And(parts):
            return Or(tuple(_negated(part) for part in parts))
        case Or(parts):
            return And(tuple(_negated(part) for part in parts))
        case Not(part):
            return normal_form(part)
        case Nor(parts):
            return Or(tuple(normal_form(part) for part in parts))
        case Field(path, test):
            return Field(path, _opposite(_normal_test(test)))


def _normal_test(test: Test) -> Test:
    match test:
        case ElemMatch(node):
            return ElemMatch(normal_form(node))
        case AllMatch(node):
            return AllMatch(normal_form(node))
        case KeyMapMatch(node):
            return KeyMapMatch(normal_form(node))
        case Unless(inner):
            return Unless(_normal_test(inner))
        case _:
            return test


def _opposite(test: Test) -> Test:
    match test:
        case Compare(operator, value):
            return Compare(_OPPOSITES[operator], value)
        case In(values):
            return NotIn(values)
        case NotIn(values):
            return In(values)
        case Exists(wanted):
            return Exists(not wanted)
        case Unless(inner):
            return inner
        case _:
            return Unless(test)
