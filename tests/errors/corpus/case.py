"""What a case of the corpus is, and the ways to raise one: plainly, under a limit, or in a process of its own."""

from __future__ import annotations

import base64
import pickle
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from polyroute.errors import DatabaseErrorCode, Outcome

Code = DatabaseErrorCode

SENTINEL = "s3cret"
"""A data value that stands in every case where data can leak into a message."""


@dataclass(frozen=True, slots=True)
class Case:
    """One failure: `act` raises it, given an empty directory; the rest is what it ought to be taken for.

    `write_retryable` says whether a write that failed so may be tried again although it is not idempotent.
    """

    id: str
    engine: str | None
    act: Callable[[Path], object]
    code: DatabaseErrorCode
    outcome: Outcome
    write_retryable: bool = False

    def caught(self, directory: Path) -> BaseException:
        """Raise the case and return the exception."""
        try:
            self.act(directory)
        except BaseException as exc:
            return exc
        raise AssertionError(f"{self.id} raised nothing")


@contextmanager
def limited(what: int, value: int) -> Iterator[None]:
    """Let this process have no more than that of a resource; Python ignores the signal that would end it."""
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def no_file_left() -> AbstractContextManager[None]:
    """Let no further file be opened: the three standard ones are all there may be."""
    return limited(resource.RLIMIT_NOFILE, 3)


def small_files() -> AbstractContextManager[None]:
    """Let no file grow beyond a megabyte, as a full disk would."""
    return limited(resource.RLIMIT_FSIZE, 1_000_000)


_PREAMBLE = """
import base64, pickle, resource, sys
def act():
{body}
try:
    act()
except BaseException as exc:
    sys.stdout.write(base64.b64encode(pickle.dumps(exc)).decode())
"""


def in_child(body: str) -> Callable[[Path], object]:
    """Run Python text in a process of its own, with `directory` at hand, and raise here what it raised."""

    def act(directory: Path) -> object:
        lines = f"directory = {str(directory)!r}\n" + textwrap.dedent(body)
        source = _PREAMBLE.format(body=textwrap.indent(lines, "    "))
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr[-2000:]
        raise pickle.loads(base64.b64decode(done.stdout))

    return act
