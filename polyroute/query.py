"""The question as a value: what is asked (`Query`), how good the answer must be (`Requirements`), where it may be
answered (`Routing`).

These are plain frozen values at the lowest floor; the coordinator turns a Query into an operation and runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from polyroute.arguments import check_choice, check_seconds
from polyroute.operations import Operation, make_operation

CONSISTENCIES = ("eventual", "strong")
PRIORITIES = ("low", "normal", "high")
STRATEGIES = ("performance_based", "round_robin", "least_loaded", "capability_based")


@dataclass(frozen=True, slots=True)
class Requirements:
    """How good an answer must be.

    `consistency='strong'` reads the primary only; `timeout_s` is the time for the whole query; `max_staleness_s` lets a
    replica answer that is at most that many seconds behind; `idempotency_key` makes a repeated write safe on engines
    that remember it.

    Raises QUERY_INVALID for an unknown consistency or priority and for a time limit that is not positive.

    >>> Requirements(consistency="strong", timeout_s=2.0).priority
    'normal'
    """

    consistency: str = "eventual"
    timeout_s: float | None = None
    priority: str = "normal"
    max_staleness_s: float = 0.0
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        check_choice("consistency", self.consistency, CONSISTENCIES)
        check_choice("priority", self.priority, PRIORITIES)
        if self.timeout_s is not None:
            check_seconds("timeout_s", self.timeout_s)
        check_seconds("max_staleness_s", self.max_staleness_s, zero=True)


@dataclass(frozen=True, slots=True)
class Routing:
    """Which engines may answer and how one is chosen among them.

    Raises QUERY_INVALID for an unknown strategy.

    >>> Routing(engine="olap").load_balancing
    'performance_based'
    """

    load_balancing: str = "performance_based"
    engine: str | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("load balancing strategy", self.load_balancing, STRATEGIES)


DEFAULT_REQUIREMENTS = Requirements()
DEFAULT_ROUTING = Routing()


@dataclass(frozen=True, slots=True)
class Query:
    """One structured operation on one dataset, as a value that can be kept, sent and repeated.

    `cache=False` asks the engine even where an answer that is still true is held.

    >>> Query("vector_get", "passages", {"keys": [1, 2]}).to_operation().keys
    [1, 2]
    """

    operation: str
    dataset: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    requirements: Requirements = DEFAULT_REQUIREMENTS
    routing: Routing = DEFAULT_ROUTING
    cache: bool = True

    def to_operation(self) -> Operation:
        """Build the operation; QUERY_INVALID when its name or an argument is wrong."""
        return make_operation(self.operation, self.dataset, self.arguments)
