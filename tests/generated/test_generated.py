"""Generated statements: pushed down, plain, and in one DuckDB they answer the same.

The statements are in chunks so that workers share them; half of the worlds merge where the data lies, half never do.
`make bench` runs a hundred thousand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generated.queries import generate
from tests.generated.runner import check, run
from tests.generated.shrink import shrink
from tests.generated.world import world

_CHUNKS = 8
_QUERIES = 150


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_every_form_answers_the_same(chunk: int, tmp_path: Path) -> None:
    with world(chunk, tmp_path, in_place=chunk % 2 == 0) as made:
        tally = run(made, range(chunk * _QUERIES, (chunk + 1) * _QUERIES))
        assert not tally.failures, "\n" + str(shrink(tally.failures[0], lambda query: check(made, query)))


def test_a_seed_is_one_statement(tmp_path: Path) -> None:
    with world(0, tmp_path) as made:
        first, again, other = (generate(made.datasets, made.placements, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.template != other.template
