"""Our table functions in FROM, with constant arguments and with arguments from the tables before them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from tests.generated.conditions import Conditions
from tests.generated.data import vector
from tests.generated.draft import Reference, Scope
from tests.generated.fields import NODES
from tests.generated.kinds import Column, Dataset, Kind, Source, TableCall
from tests.generated.literals import written

_HOPS = Column("hops", Kind.INT, "", (1, 2, 3))
_NODE = Column("node", Kind.TEXT, "node", NODES)
_START = Column("start", Kind.TEXT, "node", NODES)
_NEIGHBORS = (_START, _NODE, _HOPS)
_STEPS = (
    _START,
    Column("goal", Kind.TEXT, "node", NODES),
    Column("step", Kind.INT, "", (0, 1, 2)),
    _NODE,
    Column("cost", Kind.FLOAT, "", (1.0, 5.5)),
)
_SCORE = Column("score", Kind.FLOAT, "", (0.0, 0.25), exact=False)


class Calls(Conditions):
    """Writes calls of our table functions; in the template each is a table of its own, named "call:N"."""

    def constant_call(self) -> Source:
        """Return a call whose arguments are literals or parameters."""
        form = self.pick(("neighbors", "path", "centrality", "search", "find", "window", "latest", "range"))
        self.use(f"call {form}")
        return {
            "neighbors": self._neighbors,
            "path": self._path,
            "centrality": self._centrality,
            "search": self._search,
            "find": self._find,
            "window": self._windowed,
            "latest": self._latest,
            "range": self._range_of_series,
        }[form]()

    def lateral_join(self, scope: Scope) -> str | None:
        """Join a call whose first argument is a column before it, or return None where no column will do."""
        wanted = [r for r in scope.references() if r.column.domain in ("node", "vector")]
        if not wanted:
            return None
        self.use("lateral call")
        start = self.pick(wanted)
        if start.column.domain == "vector":
            source = self._lateral_search(start)
        else:
            source = self._lateral_path(start) if self.chance(0.3) else self._lateral_neighbors(start)
        alias = self.alias("l")
        scope.sources.append((alias, source))
        if self.chance(0.4) and start.column.domain != "vector":
            self.use("left join lateral")
            return f" LEFT JOIN {source.text} AS {alias} ON true"
        return f"{self.comma(scope)}{source.text} AS {alias}"

    def comma(self, scope: Scope) -> str:
        """Return what stands between sources that nothing joins; a comma binds weaker than the joins behind it."""
        if self.chance(0.5):
            return " CROSS JOIN "
        self.use("comma")
        scope.has_comma = True
        return ", "

    def _called(
        self,
        function: str,
        dataset: str,
        positional: tuple[tuple[str, object], ...],
        named: Mapping[str, object],
        columns: tuple[Column, ...],
        rows: int,
    ) -> Source:
        """Note a call and return the table that stands for it."""
        self.used.add(dataset)
        arguments = dict(positional) | dict(named)
        texts = [f"'{dataset}'", *(self._argument(v) for _, v in positional)]
        texts += [f"{_SQL_NAMES.get(name, name)} => {self._argument(value)}" for name, value in named.items()]
        name = f"call:{len(self.calls)}"
        self.calls[name] = TableCall(function, dataset, f"{function}({', '.join(texts)})", arguments)
        return Source(f'"{name}"', columns, rows)

    def _argument(self, value: object) -> str:
        if isinstance(value, list):
            return self.param(value, value)
        if isinstance(value, str | dt.datetime) and self.chance(0.1):
            return self.param(value, value)
        return written(value)

    def _columns(self, name: str) -> Dataset:
        return next(d for d in self.all_datasets if d.name == name)

    def _neighbors(self) -> Source:
        named: dict[str, object] = {"max_hops": self.pick((1, 2, 3))}
        if self.chance(0.3):
            named["min_hops"] = 0
        if self.chance(0.3):
            named["direction"] = self.pick(("in", "both"))
        if self.chance(0.3):
            named["where"] = "km < 8"
        start = (("start", self.pick((*NODES, "nowhere"))),)
        if start[0][1] == "nowhere":
            named["missing_ok"] = True
        return self._graph_call("graph_neighbors", start, named, _NEIGHBORS, 12)

    def _path(self) -> Source:
        ends = (("start", self.pick(NODES)), ("goal", self.pick(NODES)))
        named: dict[str, object] = {"weight": "km"} if self.chance(0.6) else {}
        return self._graph_call("graph_shortest_path", ends, named, _STEPS, 5)

    def _graph_call(
        self,
        function: str,
        positional: tuple[tuple[str, object], ...],
        named: dict[str, object],
        columns: tuple[Column, ...],
        rows: int,
    ) -> Source:
        """Note a call on the graph; in SQL an unknown node has no rows, which the method must be asked for."""
        named.pop("missing_ok", None)
        source = self._called(function, "links", positional, named, columns, rows)
        self.calls[source.text.strip('"')].arguments["missing_ok"] = True
        return source

    def _centrality(self) -> Source:
        method = self.pick(("degree", "in_degree", "pagerank", "closeness"))
        return self._called("graph_centrality", "links", (), {"method": method}, (_NODE, _SCORE), len(NODES))

    def _search(self) -> Source:
        passages = self._columns("passages")
        named: dict[str, object] = {"k": self.pick((1, 3, 5, 10)), "exact": True}
        if self.chance(0.4):
            named["where"] = "team > 4"
        if self.chance(0.3):
            named["metric"] = self.pick(("dot", "l2"))
        query = (("vector", vector(self.rng)),)
        return self._called("vector_search", "passages", query, named, (*passages.columns, _SCORE), 5)

    def _find(self) -> Source:
        selector = self.pick(
            ("{}", '{"person": {"$gt": 10}}', '{"name": "Ada"}', '{"address.zip": 8000}', '{"labels": "red"}')
        )
        profiles = self._columns("profiles")
        return self._called("document_find", "profiles", (("selector", selector),), {}, profiles.columns, 20)

    def _windowed(self) -> Source:
        columns = (
            Column("station", Kind.TEXT, "node", NODES[:6]),
            Column("window_start", Kind.TIMESTAMP, "at", (dt.datetime(2020, 2, 28), dt.datetime(2020, 3, 1))),
            Column("total", Kind.FLOAT, "", (0.0, 10.0)),
            Column("n", Kind.INT, "", (1, 2, 3)),
        )
        aggregates = (("aggregates", "sum(value) AS total, count(*) AS n"),)
        named = {"every": self.pick(("1 day", "6 hours")), "by": "station"}
        return self._called("timeseries_window", "readings", aggregates, named, columns, 30)

    def _latest(self) -> Source:
        readings = self._columns("readings")
        named: dict[str, object] = {"by": "station"}
        if self.chance(0.5):
            named["at"] = dt.datetime(2020, 3, 1, 12)
        return self._called("timeseries_latest", "readings", (), named, readings.columns, 7)

    def _range_of_series(self) -> Source:
        readings = self._columns("readings")
        bounds: dict[str, object] = {"start": dt.datetime(2020, 2, 28)}
        if self.chance(0.5):
            bounds["stop"] = dt.datetime(2020, 3, 2, 6)
        return self._called("timeseries_range", "readings", (), bounds, readings.columns, 60)

    def _lateral_neighbors(self, start: Reference) -> Source:
        hops = self.pick((1, 2))
        arguments: dict[str, object] = {"max_hops": hops, "missing_ok": True}
        written_ = f"LATERAL graph_neighbors('links', {start.text}, max_hops => {hops})"
        return self._lateral(TableCall("graph_neighbors", "links", written_, arguments, start.text), _NEIGHBORS)

    def _lateral_path(self, start: Reference) -> Source:
        goal = self.pick(NODES)
        arguments: dict[str, object] = {"goal": goal, "missing_ok": True}
        written_ = f"LATERAL graph_shortest_path('links', {start.text}, '{goal}')"
        return self._lateral(TableCall("graph_shortest_path", "links", written_, arguments, start.text), _STEPS)

    def _lateral_search(self, query: Reference) -> Source:
        k = self.pick((1, 3))
        arguments: dict[str, object] = {"k": k, "exact": True}
        written_ = f"LATERAL vector_search('passages', {query.text}, k => {k}, exact => true)"
        columns = (*self._columns("passages").columns, _SCORE)
        return self._lateral(TableCall("vector_search", "passages", written_, arguments, query.text), columns)

    def _lateral(self, call: TableCall, columns: tuple[Column, ...]) -> Source:
        self.used.add(call.dataset)
        name = f"call:{len(self.calls)}"
        self.calls[name] = call
        return Source(f'"{name}"', columns, 4)


# what the SQL form of a function calls an argument of the method
_SQL_NAMES = {"vector": "query"}
