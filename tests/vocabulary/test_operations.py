"""Operations: names, kinds, what they refuse on their own; and that every one of them has its method."""

from __future__ import annotations

import inspect

import pytest

from polyroute import DatabaseCoordinator, PolyrouteError
from polyroute.operations import KINDS, argument_names, make_operation, operations
from polyroute.router.methods import OperationMethods


def test_kinds_and_names() -> None:
    assert {op.kind for op in operations().values()} == {*KINDS, "any"}
    assert all(op.name == name for name, op in operations().items())


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_has_a_method_with_its_arguments(name: str) -> None:
    method = getattr(OperationMethods, name)
    taken = set(inspect.signature(method).parameters) - {"self", "dataset", "how"}
    assert taken == set(argument_names(operations()[name]))
    assert inspect.getdoc(method)
    assert hasattr(DatabaseCoordinator, name)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("vector_search", {"vector": [1.0], "k": 0}, "k must be a whole number of at least 1"),
        ("vector_search", {"vector": [1.0], "k": True}, "k must be"),
        ("vector_search", {"vector": [1.0], "metric": "cosin"}, "did you mean 'cosine'?"),
        ("graph_neighbors", {"start": "a", "max_hops": 1, "min_hops": 2}, "max_hops"),
        ("graph_neighbors", {"start": "a", "direction": "up"}, "direction"),
        ("graph_centrality", {"method": "page_rank"}, "did you mean 'pagerank'?"),
        ("relational_delete", {}, "exactly one of keys and where"),
        ("relational_delete", {"keys": 1, "where": "a = 1"}, "exactly one of keys and where"),
        ("timeseries_delete", {}, "db.drop"),
        ("timeseries_window", {"aggregates": "count(*)", "fill": "zero"}, "fill"),
        ("graph_upsert", {}, "neither edges nor nodes"),
    ],
)
def test_wrong_arguments(name: str, arguments: dict[str, object], told: str) -> None:
    with pytest.raises(PolyrouteError) as caught:
        make_operation(name, "d", arguments)
    assert caught.value.code == "QUERY_INVALID"
    assert told in str(caught.value)
