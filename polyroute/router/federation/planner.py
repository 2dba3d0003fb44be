"""Plan a statement over many engines: what each is asked, which keys travel, where the rest is done.

The way: read names -> inputs (each occurrence of a dataset is one) -> scopes -> the columns and conditions that the
statement implies for each input -> the largest parts that one engine runs whole -> the merge site -> the residual. The
residual is the statement itself with inputs in the place of datasets: it applies every condition again, so what was
pushed only ever leaves out rows that could not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call, Engine
from polyroute.errors import PolyrouteError
from polyroute.operations import Scan
from polyroute.query import Requirements, Routing
from polyroute.router.catalog import Catalog, Entry
from polyroute.router.federation.columns import wanted_columns
from polyroute.router.federation.cuts import Cut, find_cuts
from polyroute.router.federation.estimates import Estimator
from polyroute.router.federation.fragments import (
    NOTHING,
    CallFragment,
    Part,
    QueryPlan,
    ScanFragment,
    Site,
    SystemFragment,
)
from polyroute.router.federation.functions import call_schema
from polyroute.router.federation.implied import Edge, Reductions
from polyroute.router.federation.inputs import ScanInput, SystemInput, constant, resolve_table
from polyroute.router.federation.keys import field_type, key_class
from polyroute.router.federation.lateral import (
    distinct_arguments,
    joined_back,
    lateral_arguments,
    replace_call,
)
from polyroute.router.federation.plain import stand_for
from polyroute.router.federation.reductions import find_reductions
from polyroute.router.federation.scopes import INPUT, Scopes
from polyroute.router.federation.sharing import share_fetches
from polyroute.router.federation.statement import FunctionCall, Statement, TableReference
from polyroute.router.federation.subtrees import Blocked, Home, Homes, push_subtrees, whole_statement
from polyroute.router.selection import candidates
from polyroute.sql.dialect import render
from polyroute.sql.filters import Filter, parse_filter, parse_order
from polyroute.sql.types import is_json

Columns = Mapping[str, str] | None


def _nothing_blocked(engine: str, kind: str, dataset: str, fingerprint: str) -> bool:
    return False


class NotPlanned(Exception):
    """Say that a statement is beyond the planner; the plain form answers it."""


@dataclass(slots=True)
class _Input:
    """An occurrence of a dataset in the statement."""

    name: str
    reference: TableReference
    scan: Scan
    entry: Entry
    schema: pa.Schema


class Planner:
    """Makes the plan of one statement for a connection."""

    def __init__(
        self,
        catalog: Catalog,
        engines: Mapping[str, Engine],
        estimator: Estimator,
        params: Mapping[str, object],
        requirements: Requirements,
        routing: Routing,
        call: Call,
        blocked: Blocked = _nothing_blocked,
    ) -> None:
        self._blocked = blocked
        self._catalog = catalog
        self._engines = engines
        self._estimator = estimator
        self._params = params
        self._requirements = requirements
        self._routing = routing
        self._call = call

    def plan(self, statement: Statement, *, in_place: bool = True) -> QueryPlan:
        """Return the plan of a parsed statement, whose tree is changed into the residual.

        `in_place` tells whether the residual may run inside an engine. Raises QUERY_INVALID for unknown names and wrong
        arguments, NotPlanned for what only the plain form can answer.
        """
        tree = statement.tree
        if tree is None or not isinstance(tree, exp.Query):
            raise NotPlanned
        epoch = self._catalog.epoch
        inputs, systems = self._inputs(statement)
        homes = {name: self._homes(i) for name, i in inputs.items()}
        if not statement.calls and (whole := whole_statement(tree, homes, self._params, self._blocked)) is not None:
            return QueryPlan(statement.text, (whole.fragment,), (), None, None, epoch)
        site = self._site(inputs, homes) if in_place else None
        store = None if site is None else site.store

        def rows_of(name: str) -> int:
            return self._estimator.rows(inputs[name].entry, inputs[name].scan.part)

        selects = push_subtrees(tree, homes, store, self._params, self._blocked, rows_of)
        for select in selects:
            for name in select.inputs:
                del inputs[name]
        columns: dict[str, Columns] = {name: _folded(i.schema.names) for name, i in inputs.items()}
        columns.update((s.fragment.name, s.columns) for s in selects)
        columns.update(dict.fromkeys(s.name for s in systems))
        columns.update((name, self._call_columns(call)) for name, call in _named(statement.calls))
        wanted = wanted_columns(tree, columns)
        scopes = Scopes(tree, columns)
        reductions, cuts = find_reductions(scopes), find_cuts(scopes)
        held = {n: home for n in inputs if (home := _at(homes[n], store)) is not None}
        scans = {name: self._scan(i, wanted[name], reductions, cuts.get(name)) for name, i in inputs.items()}
        edges = tuple(e for e in _usable(reductions.edges, inputs, held) if not self._keys_blocked(e, inputs))
        fetched_scans = {n: scan for n, scan in scans.items() if n not in held}
        sharing = share_fetches(fetched_scans, edges, rows_of)
        self._stand(inputs, systems, statement, sharing.names, held)
        calls = [self._call_fragment(name, call, wanted[name]) for name, call in _named(statement.calls)]
        fetched: list[Part] = [*(s.fragment for s in selects), *systems, *sharing.scans, *calls]
        placed = None if site is None else _placed(site, scans, held)
        return QueryPlan(statement.text, tuple(fetched), sharing.edges, render(tree, copy=False), placed, epoch)

    def _inputs(self, statement: Statement) -> tuple[dict[str, _Input], list[SystemFragment]]:
        inputs: dict[str, _Input] = {}
        systems: dict[str, SystemFragment] = {}
        for number, reference in enumerate(statement.tables):
            name = f"__t{number}"
            found = resolve_table(reference.parts, name, self._catalog, list(self._engines))
            if isinstance(found, SystemInput):
                name = systems.setdefault(found.table, SystemFragment(name, found.table)).name
            else:
                inputs[name] = self._input(name, reference, found)
            reference.node.meta[INPUT] = name
        return inputs, list(systems.values())

    def _input(self, name: str, reference: TableReference, found: ScanInput) -> _Input:
        entry = self._catalog.resolve(found.operation.dataset or "")
        return _Input(name, reference, found.operation, entry, entry.dataset.part_schema(found.operation.part))

    def _homes(self, item: _Input) -> tuple[Home, ...]:
        """Return where an input could be read by SQL, in the order of its placements."""
        if item.scan.part is not None:
            return ()
        try:
            fit = candidates(item.entry, item.scan, self._requirements, self._routing, self._engines)
        except PolyrouteError:
            return ()
        return tuple(Home(placement, item.reference.parts) for placement in fit)

    def _site(self, inputs: Mapping[str, _Input], homes: Homes) -> Home | None:
        """Return a home in the host that holds the most rows of the statement's inputs."""
        rows: dict[object, int] = {}
        first: dict[object, Home] = {}
        for name, item in inputs.items():
            for home in homes[name]:
                engine = home.placement.engine
                if engine.traits.hosts_merges and not self._blocked(engine.id, "merge", "", ""):
                    rows[home.store] = rows.get(home.store, 0) + self._estimator.rows(item.entry)
                    first.setdefault(home.store, home)
        return first[max(rows, key=lambda store: rows[store])] if rows else None

    def _scan(
        self, item: _Input, wanted: frozenset[str] | None, reductions: Reductions, cut: Cut | None
    ) -> ScanFragment:
        """Return the fragment of an input: what is wanted of it, under the conditions that are filters."""
        pushed: dict[str, Filter] = {}
        kept = dict(reductions.kept.get(item.name, NOTHING))
        scan_name = item.scan.dataset or ""
        for condition in reductions.conditions:
            if condition.input != item.name:
                continue
            text = render(condition.tree, copy=False)
            if self._blocked(item.entry.primary.engine.id, "filter", scan_name, text):
                kept[text] = "in quarantine: it changed an answer"
                continue
            try:
                pushed[text] = parse_filter(text, item.schema, self._params)
            except PolyrouteError as exc:
                kept[text] = exc.message
        columns = None if wanted is None else _at_least_one(wanted, item.schema, item.entry.dataset.key)
        scan = item.scan
        seen_as = (item.entry.name, scan.part, tuple(pushed))
        rows = self._estimator.passing(item.entry, scan.part, list(pushed.values()), seen_as)
        order = limit = None
        if cut is not None and cut.conditions == len(pushed) and _orders(cut, item.schema):
            order, limit = cut.order, cut.limit
            rows = min(rows, limit)
        return ScanFragment(item.name, scan.dataset or "", scan.part, columns, tuple(pushed), order, limit, kept, rows)

    def _keys_blocked(self, edge: Edge, inputs: Mapping[str, _Input]) -> bool:
        target = inputs[edge.target.input]
        engine, dataset = target.entry.primary.engine.id, target.scan.dataset or ""
        return self._blocked(engine, "keys", dataset, edge.target.name)

    def _call_columns(self, call: FunctionCall) -> Columns:
        """Return the columns of a table function where they are known before it runs."""
        dataset = constant(call.arguments.dataset, self._params, self._call)
        if not isinstance(dataset, str):
            return None
        schema = call_schema(call.name, self._catalog.resolve(dataset).dataset)
        return None if schema is None else _folded(schema.names)

    def _call_fragment(self, name: str, call: FunctionCall, wanted: frozenset[str] | None) -> CallFragment:
        """Return the fragment of a table function, which then stands in the tree as an input."""
        dataset = call.arguments.dataset
        lateral = lateral_arguments(call)
        columns = None
        if wanted is not None and call.name in _WITH_COLUMNS:
            entry = self._catalog.resolve(str(constant(dataset, self._params, self._call)))
            own = frozenset(n for n in wanted if n in entry.dataset.schema.names)
            columns = _at_least_one(own, entry.dataset.schema, entry.dataset.key)
        distinct = render(distinct_arguments(call.node, list(lateral.values()))) if lateral else None
        by = joined_back(name, list(lateral.values())) if lateral else exp.to_table(name)
        replace_call(call.node, by)
        arguments = dict(call.arguments.named)
        rows = _rows_of_call(call)
        return CallFragment(name, call.name, dataset, arguments, tuple(lateral), distinct, columns, rows)

    def _stand(
        self,
        inputs: Mapping[str, _Input],
        systems: Sequence[SystemFragment],
        statement: Statement,
        shared: Mapping[str, str],
        held: Mapping[str, Home],
    ) -> None:
        """Let every table of the statement name its input, or its dataset where that is read in place."""
        known = {s.name for s in systems}
        for reference in statement.tables:
            name = reference.node.meta[INPUT]
            home = held.get(name)
            if home is not None:
                stand_for(reference.node, home.placement.dataset.name, reference.parts)
            elif name in inputs:
                stand_for(reference.node, shared[name], reference.parts)
            elif name in known:
                stand_for(reference.node, name, reference.parts)


_WITH_COLUMNS = ("vector_search", "timeseries_range")


def _orders(cut: Cut, schema: pa.Schema) -> bool:
    """Tell whether a scan can be ordered so."""
    try:
        keys = parse_order(cut.order, schema)
    except PolyrouteError:
        return False
    types = [schema.field(key.column).type for key in keys]
    return not any(pa.types.is_nested(t) or is_json(t) for t in types)


def _named(calls: Sequence[FunctionCall]) -> list[tuple[str, FunctionCall]]:
    named = [(f"__f{number}", call) for number, call in enumerate(calls)]
    for name, call in named:
        call.node.meta[INPUT] = name
    return named


def _folded(names: Sequence[str]) -> Columns:
    """Return names by their lower case, or None where two differ in nothing else."""
    folded = {name.lower(): name for name in names}
    return folded if len(folded) == len(names) else None


def _at_least_one(wanted: frozenset[str], schema: pa.Schema, key: Sequence[str]) -> tuple[str, ...]:
    """Return the wanted columns in the schema's order; one where none is, to count the rows by."""
    found = tuple(name for name in schema.names if name in wanted)
    if found:
        return found
    plain = [f.name for f in schema if not pa.types.is_nested(f.type)]
    return ((*key, *plain, *schema.names)[0],)


def _at(homes: Sequence[Home], store: object) -> Home | None:
    return next((home for home in homes if home.store == store), None)


def _rows_of_call(call: FunctionCall) -> int | None:
    k = call.arguments.named.get("k")
    if call.name == "vector_search":
        return int(k.name) if isinstance(k, exp.Literal) and k.is_int else 10
    return _USUAL_ROWS.get(call.name)


_USUAL_ROWS = {"graph_neighbors": 100, "graph_shortest_path": 10, "timeseries_latest": 100}


def _usable(edges: Sequence[Edge], inputs: Mapping[str, _Input], held: Collection[str]) -> tuple[Edge, ...]:
    """Return the edges along which keys may travel: into what is fetched, between types that compare alike."""
    usable = []
    for edge in dict.fromkeys(edges):
        target = inputs.get(edge.target.input)
        if target is None or edge.target.input in held:
            continue
        source = inputs.get(edge.source.input)
        to = key_class(target.schema.field(edge.target.name).type)
        held_type = None if source is None else source.schema.field(edge.source.name).type
        typed = None if held_type is None else field_type(held_type, edge.source.fields)
        from_ = to if source is None else None if typed is None else key_class(typed)
        if to is not None and to == from_:
            usable.append(edge)
    return tuple(usable)


def _placed(site: Home, scans: Mapping[str, ScanFragment], held: Mapping[str, Home]) -> Site:
    names = dict.fromkeys(home.placement.dataset.name for home in held.values())
    return Site(site.placement.engine.id, tuple(names), tuple(scans[name] for name in held))
