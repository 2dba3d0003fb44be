"""The connection of a world gives back what was loaded, wherever it lies, and DuckDB holds the same."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from tests.generated.compare import difference
from tests.generated.data import tables
from tests.generated.world import ENGINES, world


@pytest.mark.parametrize("seed", range(4))
def test_the_relational_datasets_come_back_as_loaded(seed: int, tmp_path: Path) -> None:
    with world(seed, tmp_path) as made:
        for table in tables(Random(f"world {seed}")):
            held = made.duckdb.sql(f"FROM {table.name}").to_arrow_table()
            told = made.db.scan(table.name).to_arrow()
            assert held.num_rows == told.num_rows, table.name
            if isinstance(table.rows, pa.Table):
                assert difference(told, table.rows, ordered=False) is None, table.name


def test_a_few_worlds_use_every_engine_for_what_may_move(tmp_path: Path) -> None:
    homes = set()
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        with world(seed, tmp_path / str(seed)) as made:
            assert len(set(made.placements.values())) >= 6
            homes.add(made.placements["people"])
    assert len(homes) > 1
    assert homes <= set(ENGINES)
