"""Show a plan: what explain tells of it before it has run, and after.

Only names, estimates and measurements are kept for it, no data, so a result can hold its plan for long.
"""

from __future__ import annotations

from collections.abc import Sequence

from polyroute.operations import Scan
from polyroute.plan import Fragment, Plan
from polyroute.router.catalog import Catalog
from polyroute.router.federation.fragments import CallFragment, Part, QueryPlan, ScanFragment, SelectFragment
from polyroute.router.federation.inputs import constant_text
from polyroute.router.federation.merge import MERGE_SITE
from polyroute.router.federation.native import native_text


def shown(plan: QueryPlan, catalog: Catalog, measured: Sequence[Fragment] = ()) -> Plan:
    """Return a plan as explain shows it: with what was `measured` of its fragments, after it has run."""
    done = {fragment.name: fragment for fragment in measured}
    fragments = [done.get(part.name) or _shown_part(part, catalog) for part in plan.parts]
    merge_site = "none: one engine answers it all"
    if plan.site is not None:
        merge_site = f"{plan.site.engine} (in place)"
        for scan in plan.site.in_place:
            fragment = _shown_part(scan, catalog)
            fragment.engine, fragment.in_place = plan.site.engine, True
            fragments.append(fragment)
    elif plan.residual is not None:
        merge_site = MERGE_SITE
    for fragment in fragments:
        sources = {e.source.input for e in plan.edges if e.target.input == fragment.name}
        fragment.depends_on = tuple(sorted(sources))
    return Plan(plan.text, plan.residual or "", merge_site, fragments)


def _shown_part(part: Part, catalog: Catalog) -> Fragment:
    if isinstance(part, ScanFragment):
        # the plan may be looked at when the dataset is no longer there
        entry = catalog.find(part.dataset)
        width = None if entry is None else len(entry.dataset.part_schema(part.part))
        where = " AND ".join(part.conditions) or None
        op = Scan(part.dataset, part.columns, where, None, part.order, part.limit, part.part)
        return Fragment(
            part.name,
            "?" if entry is None else entry.primary.engine.id,
            "scan",
            part.dataset,
            native_text(op),
            columns=part.columns,
            pushed=pushed_of(part, part.conditions, width),
            kept=part.kept,
            estimated_rows=part.estimated_rows,
        )
    if isinstance(part, SelectFragment):
        return Fragment(part.name, part.engines[0], "select", ", ".join(part.datasets), part.sql)
    if isinstance(part, CallFragment):
        dataset = constant_text(part.dataset)
        found = catalog.find(dataset)
        engine = "?" if found is None else found.primary.engine.id
        arguments = ", ".join(f"{n} => {constant_text(a)}" for n, a in part.arguments.items())
        return Fragment(
            part.name,
            engine,
            part.function,
            dataset,
            f"{part.function}({dataset}{', ' * bool(arguments)}{arguments})",
            bind_keys=", ".join(part.lateral) or None,
            estimated_rows=part.estimated_rows,
        )
    name = f"polyroute.{part.table}"
    return Fragment(part.name, "polyroute", "scan", name, name)


def as_run(query_plan: QueryPlan, catalog: Catalog, measured: Sequence[Fragment], rows: int, elapsed_s: float) -> Plan:
    """Return a plan as it was run."""
    plan = shown(query_plan, catalog, measured)
    plan.rows, plan.ms, plan.analyzed = rows, elapsed_s * 1e3, True
    return plan


def pushed_of(part: ScanFragment, texts: Sequence[str], width: int | None) -> dict[str, str]:
    """Return what a scan does of the statement: its filter, its columns when they are not all `width`, its limit."""
    pushed = {}
    if texts:
        pushed["filter"] = " AND ".join(texts)
    if part.columns is not None and len(part.columns) != width:
        pushed["columns"] = ", ".join(part.columns)
    if part.limit is not None:
        pushed["limit"] = f"{part.limit}" + (f" ordered by {part.order}" if part.order else "")
    return pushed
