"""What DuckDB's exceptions mean.

DuckDB has a class per kind of failure and no codes. Words are needed where one class says several things: an
IOException may be a foreign lock, a file that is no database, a full disk or a missing Parquet file of the caller, and
a bad checksum comes as the bare base class. Whatever fails short of a commit DuckDB undoes as a whole.
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["DUCKDB"]

_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_REFUSED = Verdict(Code.QUERY_INVALID, Outcome.ROLLED_BACK)
_NOT_OPENED = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)
_BROKEN = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
_DISK_FULL = Verdict(Code.CAPACITY_EXCEEDED, Outcome.UNKNOWN)
_CLOSED = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED)
_FAILED = Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)

DUCKDB = ErrorTable(
    texts=(
        ("_duckdb.IOException", "could not set lock", _NOT_OPENED),
        ("_duckdb.IOException", "not a valid duckdb database file", _NOT_OPENED),
        ("_duckdb.IOException", "in read-only mode: database does not exist", _NOT_OPENED),
        ("_duckdb.IOException", "no space left on device", _DISK_FULL),
        ("_duckdb.IOException", "disk quota exceeded", _DISK_FULL),
        ("_duckdb.IOException", "file too large", _DISK_FULL),
        ("_duckdb.IOException", "too many open files", Verdict(Code.RESOURCE_EXHAUSTED, Outcome.UNKNOWN)),
        ("_duckdb.IOException", "no files found that match", _INVALID),
        ("_duckdb.IOException", ".duckdb_extension", _INVALID),
        ("_duckdb.TransactionException", "no transaction is active", _INVALID),
        ("_duckdb.TransactionException", "within a transaction", _INVALID),
        ("_duckdb.Error", "corrupt database file", _BROKEN),
    ),
    types={
        "_duckdb.ProgrammingError": _INVALID,
        "_duckdb.ParserException": _INVALID,
        "_duckdb.BinderException": _INVALID,
        "_duckdb.CatalogException": _INVALID,
        "_duckdb.NotSupportedError": _INVALID,
        "_duckdb.PermissionException": _INVALID,
        "_duckdb.DependencyException": _INVALID,
        "_duckdb.DataError": _REFUSED,
        "_duckdb.InvalidInputException": _REFUSED,
        "_duckdb.SequenceException": _REFUSED,
        "_duckdb.IntegrityError": Verdict(Code.CONSISTENCY_VIOLATION, Outcome.ROLLED_BACK),
        "_duckdb.TransactionException": Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK),
        "_duckdb.InterruptException": Verdict(Code.QUERY_TIMEOUT, Outcome.ROLLED_BACK),
        "_duckdb.OutOfMemoryException": Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.ROLLED_BACK),
        "_duckdb.ResourceInUseException": Verdict(Code.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED),
        "_duckdb.ConnectionException": _CLOSED,
        "_duckdb.IOException": _BROKEN,
        "_duckdb.OperationalError": _BROKEN,
        "_duckdb.FatalException": _BROKEN,
        "_duckdb.InternalError": _BROKEN,
        "_duckdb.SerializationException": _FAILED,
        "_duckdb.Error": _FAILED,
    },
)
"""The table of the DuckDB engines, relational and time series."""
