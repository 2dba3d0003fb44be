"""The generated statements are of the sort that goals.md asks for, measured over a sample of them."""

from __future__ import annotations

import pytest

from tests.generated.runner import Tally, ask_duckdb, queries
from tests.generated.world import world

_SAMPLE = 1500
# forms of one thing, or what nests in something rare, are counted together
_TOGETHER = {
    "filter in on of right join": "filter in on of an outer join",
    "filter in on of full join": "filter in on of an outer join",
    "filter in on of left join": "filter in on of an outer join",
    "filter in on of semi join": "filter in on of a semi or anti join",
    "filter in on of anti join": "filter in on of a semi or anti join",
}


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    counted = Tally()
    with world(3, tmp_path_factory.mktemp("quotas")) as made:
        for query in queries(made, range(_SAMPLE)):
            counted.add(made, query, ask_duckdb(made, query))
    return counted


@pytest.mark.xdist_group("quotas")
def test_most_span_engines_and_return_rows(tally: Tally) -> None:
    assert tally.spanning >= 0.7 * tally.queries
    assert tally.with_rows >= 0.6 * tally.queries


@pytest.mark.xdist_group("quotas")
def test_hardly_any_is_refused(tally: Tally) -> None:
    assert tally.refused <= 0.02 * tally.queries


@pytest.mark.xdist_group("quotas")
def test_every_feature_is_in_one_of_a_hundred(tally: Tally) -> None:
    counts: dict[str, int] = {}
    for feature, count in tally.features.items():
        name = _TOGETHER.get(feature, feature)
        counts[name] = counts.get(name, 0) + count
    assert len(counts) >= 80
    assert {name: count for name, count in counts.items() if count < 0.01 * tally.queries} == {}
