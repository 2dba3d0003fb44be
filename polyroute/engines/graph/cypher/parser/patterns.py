"""Read path patterns: p = (a:Label {key: value})-[r:TYPE*1..3]->(b), and shortestPath around one."""

from __future__ import annotations

from polyroute.engines.graph.cypher.lexer import INTEGER, NAME, PARAMETER, QUOTED
from polyroute.engines.graph.cypher.parser.expressions import ExpressionReader
from polyroute.engines.graph.cypher.tree import Expression, NodePattern, PatternPart, RelationshipPattern

_SHORTEST = {"SHORTESTPATH": "one", "ALLSHORTESTPATHS": "all"}


class PatternReader(ExpressionReader):
    """The part of the parser that reads patterns."""

    def pattern(self) -> tuple[PatternPart, ...]:
        """Read the patterns of a MATCH, parted by commas."""
        parts = [self.pattern_part()]
        while self.take_sign(","):
            parts.append(self.pattern_part())
        return tuple(parts)

    def pattern_part(self) -> PatternPart:
        """Read one path, with its variable if it has one."""
        at = self.token.start
        variable = None
        if self.token.kind in (NAME, QUOTED) and self.peek().text == "=" and self.peek().kind == "sign":
            variable = self.variable_name()
            self.need_sign("=")
        shortest = _SHORTEST.get(self.token.upper) if self.peek().text == "(" else None
        if shortest is None:
            nodes, relationships = self._chain()
            return PatternPart(variable, nodes, relationships, None, at)
        self.advance()
        self.need_sign("(")
        nodes, relationships = self._chain()
        self.need_sign(")")
        if len(relationships) != 1:
            self.fail(at, "shortestPath needs exactly one relationship", hint="write shortestPath((a)-[*]->(b))")
        return PatternPart(variable, nodes, relationships, shortest, at)

    def _chain(self) -> tuple[tuple[NodePattern, ...], tuple[RelationshipPattern, ...]]:
        nodes, relationships = [self._node()], []
        while self.at_sign("-") or self.at_sign("<", "-"):
            relationships.append(self._relationship())
            nodes.append(self._node())
        return tuple(nodes), tuple(relationships)

    def _node(self) -> NodePattern:
        at = self.token.start
        self.need_sign("(")
        variable = self.variable_name() if self.token.kind in (NAME, QUOTED) else None
        labels: list[tuple[str, ...]] = []
        while self.take_sign(":") or (labels and self.take_sign("&")):
            labels.append(self._alternatives("a label"))
        properties = self._properties()
        if not self.at_sign(")"):
            self.fail_here("')' was expected")
        self.advance()
        return NodePattern(variable, tuple(labels), properties, at)

    def _relationship(self) -> RelationshipPattern:
        at = self.token.start
        backward = self.take_sign("<")
        self.need_sign("-")
        types: tuple[str, ...] = ()
        variable, hops, properties = None, None, None
        if self.take_sign("["):
            variable = self.variable_name() if self.token.kind in (NAME, QUOTED) else None
            types = self._alternatives("a relationship type") if self.take_sign(":") else ()
            hops = self._hops()
            properties = self._properties()
            self.need_sign("]")
        self.need_sign("-")
        forward = self.take_sign(">")
        direction = "both" if backward == forward else "out" if forward else "in"
        return RelationshipPattern(variable, types, direction, hops, properties, at)

    def _alternatives(self, what: str) -> tuple[str, ...]:
        names = [self.name(what)]
        while self.take_sign("|"):
            self.take_sign(":")
            names.append(self.name(what))
        return tuple(names)

    def _hops(self) -> tuple[int, int | None] | None:
        """Read *, *2, *1.., *..3 or *1..3."""
        if not self.take_sign("*"):
            return None
        low = int(self.advance().text) if self.token.kind == INTEGER else None
        if not self.take_sign(".."):
            return (1, None) if low is None else (low, low)
        high = int(self.advance().text) if self.token.kind == INTEGER else None
        return (1 if low is None else low, high)

    def _properties(self) -> Expression | None:
        if self.at_sign("{"):
            return self.map_literal()
        if self.token.kind == PARAMETER:
            self.fail_here("a pattern cannot take its properties from one parameter, a map such as {name: $name}")
        return None
