"""How a command ends: the exit codes, and errors as two lines on standard error instead of a traceback.

The codes are part of the command's interface; scripts branch on them.
"""

from __future__ import annotations

from enum import IntEnum

import click

from polyroute.errors import POLICIES, Category, DatabaseErrorCode, PolyrouteError

EXIT_CODES = """\b
Exit codes:
  0    all went well
  1    the query or the data were refused (also every failure not listed below)
  2    the command line cannot be understood
  3    an engine is unavailable, overloaded or cannot be reached
  4    the time limit was reached
  130  interrupted with Ctrl-C
"""


class ExitCode(IntEnum):
    """The ways in which a command ends."""

    OK = 0
    QUERY = 1
    USAGE = 2
    ENGINE = 3
    TIMEOUT = 4
    INTERRUPTED = 130


def exit_code(error: PolyrouteError) -> ExitCode:
    """Return the exit code of an error: time-outs first, then trouble with engines, then everything else.

    >>> from polyroute.errors import make_error
    >>> exit_code(make_error(DatabaseErrorCode.QUERY_TIMEOUT, "stopped after 0.2 s")).name
    'TIMEOUT'
    """
    if isinstance(error, TimeoutError):
        return ExitCode.TIMEOUT
    if POLICIES[error.code].category is Category.ENGINE or error.code is DatabaseErrorCode.ROUTING_FAILED:
        return ExitCode.ENGINE
    return ExitCode.QUERY


def report(error: PolyrouteError) -> None:
    """Write an error to standard error: its code, the engine it came from, what happened, what to do."""
    where = f" (engine {error.engine!r})" if error.engine else ""
    fail(f"{error.code.value}{where}: {error.message}", error.hint)


def fail(message: str, hint: str | None = None) -> None:
    """Write a message and a hint to standard error, coloured where that is a terminal."""
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True)
    if hint:
        click.echo(click.style("hint: ", fg="yellow") + hint, err=True)
