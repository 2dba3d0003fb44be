"""What NetworkX's and SciPy's graph exceptions mean.

The graphs live in memory, so whatever NetworkX refuses has changed nothing that is stored. Its base class covers both
the caller's mistakes and questions that have no answer in this graph; the subclasses tell them apart.
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["NETWORKX"]

_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_FAILED = Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.NOT_EXECUTED)
_CHANGED = Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK)

NETWORKX = ErrorTable(
    texts=(("builtins.RuntimeError", "changed size during iteration", _CHANGED),),
    types={
        "networkx.exception.NodeNotFound": _INVALID,
        "networkx.exception.NetworkXError": _INVALID,
        "networkx.exception.NetworkXNotImplemented": _INVALID,
        "networkx.exception.NetworkXException": _FAILED,
        "scipy.sparse.csgraph._shortest_path.NegativeCycleError": _FAILED,
        "builtins.KeyError": _INVALID,
        "builtins.ValueError": _INVALID,
        "builtins.TypeError": _INVALID,
    },
)
"""The table of the NetworkX engine."""
