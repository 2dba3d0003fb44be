"""The optimizer floor: classes of queries, learned routing, execution records."""

from polyroute.optimizer.fingerprint import features, fingerprint
from polyroute.optimizer.records import ExecutionRecord, ExecutionRecords, Learned
from polyroute.optimizer.routing import Decision, RoutingPolicy
from polyroute.optimizer.routing.policies import RoutingPolicies

__all__ = [
    "Decision",
    "ExecutionRecord",
    "ExecutionRecords",
    "Learned",
    "RoutingPolicies",
    "RoutingPolicy",
    "features",
    "fingerprint",
]
