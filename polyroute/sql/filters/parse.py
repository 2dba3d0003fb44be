"""Turn a filter text into a `Filter`: parse, refuse, resolve, bind.

All but the values depends on the text and the schema only; that makes a plan, which is remembered. Filling a plan
with the values of a call costs a few microseconds.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.errors import invalid
from polyroute.sql.dialect import parse_expression
from polyroute.sql.filters.allowed import check_allowed
from polyroute.sql.filters.binding import Binder, Slot
from polyroute.sql.filters.filter import Filter
from polyroute.sql.filters.reference import resolve
from polyroute.sql.filters.shape import balanced, check_depth
from polyroute.sql.filters.template import Template

if TYPE_CHECKING:
    import pyarrow as pa

_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class _Plan:
    """A filter without its parameters: its template, the constants, the slots to fill."""

    template: Template
    constants: Mapping[str, object]
    slots: Mapping[str, Slot]


_plans: OrderedDict[tuple[str, int], tuple[pa.Schema, _Plan]] = OrderedDict()
_lock = Lock()


def parse_filter(
    text: str, schema: pa.Schema, params: Mapping[str, object] | None = None, *, now: dt.datetime | None = None
) -> Filter:
    """Parse a SQL boolean expression in DuckDB's dialect.

    Args:
        text: the expression, with values as `$name` where they come from outside.
        schema: the Arrow schema of the dataset that is filtered.
        params: the value of every `$name`; more than the text uses may be given.
        now: the moment, with a zone, that `now()` and `current_date` mean; the clock's if not given.

    Raises:
        QueryError: QUERY_INVALID, when the text does not parse, names what is not there, holds what a filter may not,
            or when a value is missing or cannot be compared with its column.

    >>> import pyarrow as pa
    >>> schema = pa.schema({"country": pa.string(), "feet": pa.int32()})
    >>> parse_filter("country = $c AND feet > 5000", schema, {"c": "CH"}).values
    {'_1': 5000, 'c': 'CH'}
    """
    plan = _plan_of(text, schema)
    if not plan.slots:
        return Filter(plan.template.tree, plan.constants, plan.template.schema, plan.template)
    given = params or {}
    values = dict(plan.constants)
    for name, slot in plan.slots.items():
        values[name] = slot.fill(given, now)
    return Filter(plan.template.tree, values, plan.template.schema, plan.template)


def _plan_of(text: str, schema: pa.Schema) -> _Plan:
    key = (text, id(schema))
    with _lock:
        held = _plans.get(key)
        if held is not None:
            _plans.move_to_end(key)
            return held[1]
    plan = _make_plan(text, schema)
    with _lock:
        _plans[key] = (schema, plan)  # holding the schema keeps its id from being given to another
        while len(_plans) > _REMEMBERED:
            _plans.popitem(last=False)
    return plan


def _make_plan(text: str, schema: pa.Schema) -> _Plan:
    if not isinstance(text, str):
        raise invalid("a filter is a text", hint="write a condition such as a > 1 AND b = $b")
    tree = balanced(parse_expression(text))
    check_depth(tree)
    check_allowed(tree)
    binder = Binder(schema, frozenset(node.name for node in tree.find_all(exp.Placeholder)))
    bound = resolve(tree, schema).transform(binder.bind)
    template = Template(bound, schema)
    template.text  # noqa: B018 - what cannot be written as SQL is refused here
    return _Plan(template, binder.constants, binder.slots)
