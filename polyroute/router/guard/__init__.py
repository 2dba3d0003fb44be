"""The guard around every engine call: breakers, retries, failover."""

from polyroute.router.guard.guard import Guard, Guarded

__all__ = ["Guard", "Guarded"]
