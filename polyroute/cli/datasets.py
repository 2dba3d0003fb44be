"""`polyroute datasets`: what can be asked for, where it lies, and the columns of one dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyroute.cli.connection import Target, connection_options

if TYPE_CHECKING:
    from polyroute.engines import Dataset
    from polyroute.router.catalog import Entry, Placement


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array, one object a line.")
@connection_options
def datasets(target: Target, name: str | None, as_json: bool) -> None:
    """List the datasets, or the columns of the dataset NAME.

    The first engine of a dataset is its primary, which takes the writes.
    """
    from polyroute.cli.output import write_records

    with target.open() as db:
        if name is None:
            columns: tuple[str, ...] = ("dataset", "kind", "engines", "rows", "key", "columns")
            rows = [_summary(asked_as, entry) for asked_as, entry in sorted(db.datasets.items())]
        else:
            columns = ("part", "column", "type", "role")
            rows = _columns(db.catalog.resolve(name).dataset)
    write_records(columns, rows, as_json=as_json)


def _summary(asked_as: str, entry: Entry) -> tuple[object, ...]:
    dataset, engine = entry.dataset, entry.primary.engine
    rows = engine.statistics(dataset.name).row_count
    held_in = ", ".join(map(_placement, entry.placements))
    return asked_as, dataset.kind, held_in, rows, ", ".join(dataset.key), ", ".join(dataset.schema.names)


def _placement(placement: Placement) -> str:
    return f"{placement.engine.id} (stale)" if placement.stale else placement.engine.id


def _columns(dataset: Dataset) -> list[tuple[object, ...]]:
    roles = {column: role for role, column in dataset.roles.items()} | dict.fromkeys(dataset.key, "key")
    parts = dict(dataset.parts) or {"": dataset.schema}
    return [
        (part or None, field.name, str(field.type), roles.get(field.name))
        for part, schema in parts.items()
        for field in schema
    ]
