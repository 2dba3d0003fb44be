"""The optimizer floor: classes of queries, what engines took for them, execution records."""

from polyroute.optimizer.costs import CostModel
from polyroute.optimizer.fingerprint import query_class
from polyroute.optimizer.records import ExecutionRecord, ExecutionRecords

__all__ = ["CostModel", "ExecutionRecord", "ExecutionRecords", "query_class"]
