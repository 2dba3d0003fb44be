"""PostgreSQL by its SQLSTATE codes; psycopg's own classes where it is installed, otherwise ones shaped like them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code

try:
    import psycopg
except ImportError:
    psycopg = None  # type: ignore[assignment]

NOTHING, UNDONE, OPEN = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN
INVALID, LOST, AWAY = Code.QUERY_INVALID, Code.ENGINE_CONNECTION_FAILED, Code.ENGINE_UNAVAILABLE


def _like_psycopg(name: str, base: type[Exception], module: str = "psycopg", **attributes: object) -> type[Exception]:
    return type(name, (base,), {"__module__": module, "__qualname__": name, **attributes})


_Error = _like_psycopg("Error", Exception, sqlstate=None)
_OperationalError = _like_psycopg("OperationalError", _like_psycopg("DatabaseError", _Error))
_InterfaceError = _like_psycopg("InterfaceError", _Error)


def error_class(sqlstate: str) -> type[Exception]:
    if psycopg is not None:
        return psycopg.errors.lookup(sqlstate)
    return _like_psycopg(f"State{sqlstate}", _OperationalError, "psycopg.errors", sqlstate=sqlstate)


def state(sqlstate: str, message: str) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        raise error_class(sqlstate)(message)

    return act


def without_state(kind: str, message: str) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        if psycopg is not None:
            raise getattr(psycopg, kind)(message)
        raise {"OperationalError": _OperationalError, "InterfaceError": _InterfaceError}[kind](message)

    return act


REFUSED = 'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused'
WRONG_PASSWORD = 'connection failed: FATAL:  password authentication failed for user "ann"'
DUPLICATE = (
    f'duplicate key value violates unique constraint "t_name_key"\nDETAIL:  Key (name)=({SENTINEL}) already exists.'
)
NULL = (
    'null value in column "name" of relation "t" violates not-null constraint\n'
    f"DETAIL:  Failing row contains (9, null, {SENTINEL})."
)
SYNTAX = f"syntax error at or near \"selec\"\nLINE 1: selec '{SENTINEL}'\n        ^"


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome, retry: bool = False) -> Case:
    return Case(f"postgres-{name}", "postgresql", act, code, outcome, retry)


CASES = (
    case("08006-lost", state("08006", "terminating connection"), LOST, OPEN),
    case("08001-refused", state("08001", "could not connect"), LOST, NOTHING, retry=True),
    case("28P01-password", state("28P01", 'password authentication failed for user "ann"'), LOST, NOTHING),
    case("3D000-database", state("3D000", 'database "nope" does not exist'), LOST, NOTHING),
    case("refused", without_state("OperationalError", REFUSED), LOST, NOTHING, retry=True),
    case("wrong-password", without_state("OperationalError", WRONG_PASSWORD), LOST, NOTHING),
    case("lost", without_state("OperationalError", "server closed the connection unexpectedly"), LOST, OPEN),
    case("closed", without_state("OperationalError", "the connection is closed"), LOST, NOTHING, retry=True),
    case("interface", without_state("InterfaceError", "bad argument"), LOST, NOTHING, retry=True),
    case("57P01-shutdown", state("57P01", "terminating connection due to administrator command"), AWAY, OPEN),
    case("57P03-starting", state("57P03", "the database system is starting up"), AWAY, NOTHING, retry=True),
    case("58030-io", state("58030", "could not read block"), AWAY, OPEN),
    case("XX000-internal", state("XX000", "cache lookup failed"), AWAY, OPEN),
    case("40001-serialization", state("40001", "could not serialize access"), Code.TRANSACTION_FAILED, UNDONE, True),
    case("25P02-aborted", state("25P02", "current transaction is aborted"), Code.TRANSACTION_FAILED, UNDONE, True),
    case("40003-unknown", state("40003", "statement completion unknown"), Code.TRANSACTION_FAILED, OPEN),
    case("40P01-deadlock", state("40P01", "deadlock detected"), Code.DEADLOCK_DETECTED, UNDONE, retry=True),
    case(
        "55P03-lock", state("55P03", "canceling statement due to lock timeout"), Code.TRANSACTION_TIMEOUT, UNDONE, True
    ),
    case("25P03-idle", state("25P03", "idle-in-transaction timeout"), Code.TRANSACTION_TIMEOUT, UNDONE, retry=True),
    case("57014-cancelled", state("57014", "canceling statement due to statement timeout"), Code.QUERY_TIMEOUT, UNDONE),
    case("53300-connections", state("53300", "too many clients already"), Code.RESOURCE_EXHAUSTED, NOTHING, retry=True),
    case("54001-complex", state("54001", "stack depth limit exceeded"), Code.RESOURCE_EXHAUSTED, UNDONE, retry=True),
    case("53200-memory", state("53200", "out of memory"), Code.MEMORY_LIMIT_EXCEEDED, UNDONE),
    case("53100-disk", state("53100", "could not extend file"), Code.CAPACITY_EXCEEDED, UNDONE),
    case("55006-in-use", state("55006", "object is in use"), Code.ENGINE_OVERLOADED, UNDONE, retry=True),
    case("23505-unique", state("23505", DUPLICATE), Code.CONSISTENCY_VIOLATION, UNDONE),
    case("23502-not-null", state("23502", NULL), Code.CONSISTENCY_VIOLATION, UNDONE),
    case("22P02-syntax", state("22P02", f'invalid input syntax for type integer: "{SENTINEL}"'), INVALID, UNDONE),
    case("22003-range", state("22003", f'value "{SENTINEL}" is out of range for type integer'), INVALID, UNDONE),
    case("42601-syntax", state("42601", SYNTAX), INVALID, UNDONE),
    case("42P01-table", state("42P01", 'relation "tt" does not exist'), INVALID, UNDONE),
    case("25006-read-only", state("25006", "cannot execute INSERT in a read-only transaction"), INVALID, UNDONE),
    case("0A000-unsupported", state("0A000", "not supported"), INVALID, UNDONE),
)
