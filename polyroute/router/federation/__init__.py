"""SQL over any engines: the statement, its plan, the merge."""

from polyroute.router.federation.checking import Checks, quarantine_findings
from polyroute.router.federation.lane import SqlLane

__all__ = ["Checks", "SqlLane", "quarantine_findings"]
