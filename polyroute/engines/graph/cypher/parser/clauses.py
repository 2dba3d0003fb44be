"""Read clauses: MATCH, UNWIND, WITH, RETURN, joined by UNION. What writes, loads or calls is refused here."""

from __future__ import annotations

from polyroute.engines.graph.cypher.lexer import END
from polyroute.engines.graph.cypher.parser.patterns import PatternReader
from polyroute.engines.graph.cypher.tree import (
    Clause,
    Expression,
    Item,
    Match,
    Projection,
    Query,
    SortKey,
    Unwind,
    Variable,
)

_WRITES = ("CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "FOREACH", "DROP")
_OUTSIDE = {
    "LOAD": "LOAD CSV reads files, which graph_query never does",
    "CALL": "procedures and CALL are not offered",
    "USE": "a query stays in the graph it is asked of",
    "EXPLAIN": "EXPLAIN is not offered in openCypher",
    "PROFILE": "PROFILE is not offered in openCypher",
}
_FIRST_WORDS = ("MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN")
_STARTS = "MATCH, OPTIONAL MATCH, UNWIND, WITH or RETURN"


def parse_query(text: str) -> Query:
    """Return the tree of a read-only query; raise QUERY_INVALID, naming the place, for anything else.

    >>> parse_query("MATCH (a)-->(b) RETURN count(*)").branches[0][1].items[0].name
    'count(*)'
    """
    reader = ClauseReader(text)
    query = reader.query()
    reader.take_sign(";")
    if reader.token.kind != END:
        reader.fail_at_clause()
    return query


class ClauseReader(PatternReader):
    """The part of the parser that reads clauses and whole queries."""

    def query(self, *, inside: bool = False) -> Query:
        """Read branches joined by UNION; `inside` exists { } a query may end without RETURN."""
        branches = [self._branch(inside=inside)]
        unions: list[bool] = []
        while self.take_word("UNION"):
            unions.append(self.take_word("ALL"))
            if unions[-1] != unions[0]:
                self.fail_here("UNION and UNION ALL cannot be mixed")
            branches.append(self._branch(inside=inside))
        return Query(tuple(branches), tuple(unions))

    def braced_query(self) -> Query:
        """Read { query } or { pattern WHERE condition }."""
        self.need_sign("{")
        if self.token.upper in _FIRST_WORDS:
            query = self.query(inside=True)
        else:
            self._refuse_others()
            query = Query(((Match(self.pattern(), self._where(), optional=False),),))
        self.need_sign("}")
        return query

    def fail_at_clause(self) -> None:
        """Raise QUERY_INVALID for what stands where a clause should."""
        self._refuse_others()
        self.fail_here(f"{_STARTS} was expected")

    def _branch(self, *, inside: bool) -> tuple[Clause, ...]:
        clauses: list[Clause] = []
        while True:
            at = self.token.start
            if self.take_word("OPTIONAL", "MATCH"):
                clauses.append(Match(self.pattern(), self._where(), optional=True))
            elif self.take_word("MATCH"):
                clauses.append(Match(self.pattern(), self._where(), optional=False))
            elif self.take_word("UNWIND"):
                source = self.expression()
                self.need_word("AS")
                clauses.append(Unwind(source, self.variable_name()))
            elif self.take_word("WITH"):
                clauses.append(self._projection(at, returns=False))
            elif self.take_word("RETURN"):
                clauses.append(self._projection(at, returns=True))
                return tuple(clauses)
            elif inside and clauses and (self.at_sign("}") or self.at_word("UNION")):
                return tuple(clauses)
            elif clauses and self.token.kind == END:
                self.fail_here("a query ends with RETURN")
            else:
                self.fail_at_clause()

    def _refuse_others(self) -> None:
        word = self.token.upper
        if word in _WRITES:
            self.fail(
                self.token.start, f"graph_query only reads, {word} writes", hint="use graph_upsert or graph_delete"
            )
        if word in _OUTSIDE:
            self.fail(self.token.start, _OUTSIDE[word], hint=f"use {_STARTS}")

    def _where(self) -> Expression | None:
        return self.expression() if self.take_word("WHERE") else None

    def _projection(self, at: int, *, returns: bool) -> Projection:
        distinct = self.take_word("DISTINCT")
        star = self.take_sign("*")
        items: list[Item] = []
        if not star or self.take_sign(","):
            items.append(self._item())
            while self.take_sign(","):
                items.append(self._item())
        order = self._order()
        skip = self.expression() if self.take_word("SKIP") or self.take_word("OFFSET") else None
        limit = self.expression() if self.take_word("LIMIT") else None
        where = None if returns else self._where()
        return Projection(returns, distinct, star, tuple(items), order, skip, limit, where, at)

    def _item(self) -> Item:
        start = self.token.start
        expression = self.expression()
        text = self.text[start : self.tokens[self.place - 1].end]
        if self.take_word("AS"):
            return Item(expression, self.variable_name(), aliased=True)
        if isinstance(expression, Variable):
            return Item(expression, expression.name, aliased=True)
        return Item(expression, text, aliased=False)

    def _order(self) -> tuple[SortKey, ...]:
        if not self.take_word("ORDER"):
            return ()
        self.need_word("BY")
        keys = [self._sort_key()]
        while self.take_sign(","):
            keys.append(self._sort_key())
        return tuple(keys)

    def _sort_key(self) -> SortKey:
        expression = self.expression()
        if self.take_word("DESC") or self.take_word("DESCENDING"):
            return SortKey(expression, descending=True)
        if not self.take_word("ASC"):
            self.take_word("ASCENDING")
        return SortKey(expression, descending=False)
