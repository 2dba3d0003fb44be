"""The engine floor: the contract, the registry, and what every adapter shares."""

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import (
    Answer,
    BoundScan,
    BoundSelect,
    Dataset,
    Engine,
    LoadSpec,
    Pushed,
    Statistics,
    Traits,
)
from polyroute.engines.registry import engine_class, open_engine, schemes
from polyroute.engines.resources import Resource, acquire, acquire_temporary
from polyroute.engines.url import EngineURL

__all__ = [
    "UNBOUNDED",
    "Answer",
    "BoundScan",
    "BoundSelect",
    "Call",
    "Dataset",
    "Engine",
    "EngineURL",
    "LoadSpec",
    "Pushed",
    "Resource",
    "Statistics",
    "Traits",
    "acquire",
    "acquire_temporary",
    "engine_class",
    "open_engine",
    "schemes",
]
