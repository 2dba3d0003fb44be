"""The guard around every engine call: breakers, limits, budgets, retries, failover, hedged reads."""

from polyroute.router.guard.attempts import Guarded
from polyroute.router.guard.guard import Guard
from polyroute.router.guard.hedging import HedgeConfig
from polyroute.router.guard.ward import NotSent, Ward

__all__ = ["Guard", "Guarded", "HedgeConfig", "NotSent", "Ward"]
