"""What plans are estimated from: samples, and the counts of a graph's parts."""

from __future__ import annotations

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.sampling import sampled_columns
from polyroute.engines.testing.sample import SCHEMA, load_sample, sample_rows, sample_table
from polyroute.engines.testing.store import Store
from polyroute.values import rows_from_table

_COLUMNS = sampled_columns(SCHEMA)
_DRAWN = pa.schema([SCHEMA.field(name) for name in _COLUMNS])


class EstimateTests:
    """Samples are rows of the dataset, whatever its engine."""

    def test_a_sample_is_true_rows_and_always_the_same(self, store: Store) -> None:
        load_sample(store)
        for wanted in (1, 4, 10, 100):
            drawn = _drawn(store, wanted)
            assert 0 < drawn.num_rows <= wanted, f"{drawn.num_rows} rows were drawn of 10, at most {wanted} wanted"
            assert _texts(drawn) <= _texts(sample_table().select(_COLUMNS)), "a row was drawn that nobody stored"
            assert len(_texts(drawn)) == drawn.num_rows, "a row was drawn twice"
            assert _texts(_drawn(store, wanted)) == _texts(drawn), "another sample was drawn from the same data"
        load_sample(store, rows=sample_rows()[:3], mode="replace")
        drawn = _drawn(store, 4)
        assert 0 < drawn.num_rows <= 3
        assert _texts(drawn) <= _texts(sample_table(sample_rows()[:3]).select(_COLUMNS)), "a row was drawn that is gone"
        load_sample(store, rows=[], mode="replace")
        assert _drawn(store, 4).num_rows == 0


def _drawn(store: Store, rows: int) -> pa.Table:
    drawn = store.engine.sample("things", None, rows, UNBOUNDED)
    assert drawn.schema.equals(_DRAWN), f"a sample has the columns {drawn.schema}"
    return drawn


def _texts(table: pa.Table) -> set[str]:
    """Return rows as texts, in which NaN equals itself."""
    return {repr(row) for row in rows_from_table(table)}
