"""The state folder: what only the coordinator knows, in files that are replaced whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from polyroute.errors import invalid


class StateFolder:
    """The folder of a coordinator's own files; a temporary one goes away when it is closed or forgotten."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="polyroute-state-"))
            self._cleanup: weakref.finalize[[str, bool], StateFolder] | None = weakref.finalize(
                self, shutil.rmtree, str(self.path), True
            )
            return
        self._cleanup = None
        self.path = path.expanduser().resolve()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise invalid(
                f"the state folder {self.path.name!r} cannot be made", hint="check the path and its permissions"
            ) from exc

    def close(self) -> None:
        """Remove the folder if it is temporary."""
        if self._cleanup is not None:
            self._cleanup()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old text or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
