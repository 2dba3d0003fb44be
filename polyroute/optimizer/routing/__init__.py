"""Learned routing: which engine answers a class of queries, learned from what they took."""

from polyroute.optimizer.routing.policy import RoutingPolicy
from polyroute.optimizer.routing.posterior import Decision

__all__ = ["Decision", "RoutingPolicy"]
