"""Progress of long work: a bar in a terminal or a notebook, nothing where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_WORTH_A_BAR = 20_000


class Advance(Protocol):
    """Takes the number of rows that were done since it was called last."""

    def __call__(self, rows: int, /) -> object:
        """Move the bar on."""


@contextmanager
def progress(title: str, total: int | None, *, show: bool | None = None) -> Iterator[Advance]:
    """Give a function that moves a bar on; the bar is gone when the block ends.

    `show` None means: where standard error is a terminal or a notebook, and the work is long enough to be worth a bar.
    """
    if show is False or (show is None and total is not None and total < _WORTH_A_BAR):
        yield lambda rows: None
        return
    from tqdm.auto import tqdm

    with tqdm(
        desc=title, total=total, unit=" rows", unit_scale=True, leave=False, disable=None if show is None else False
    ) as bar:
        yield bar.update
