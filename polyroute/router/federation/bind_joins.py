"""Decide when keys travel: a bind join sends the values of a small side to the large side, which then gives only the
rows that can match.

Finding rows by keys costs an engine something per key, fetching costs it something per row. Both are learned for every
engine as moving averages of what its fragments took, so the number of keys that still pays, the cap, is learned too.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

MOST_KEYS = 50_000

_KEY_S = 3e-6
_ROW_S = 1e-6
_CALL_S = 5e-4
_NESTED_S = 2e-6
_WEIGHT = 0.2
_PAYS = 0.8


@dataclass(slots=True)
class _Rates:
    key_s: float = _KEY_S
    row_s: float = _ROW_S


class BindGate:
    """Knows for every engine what a key and a row cost; thread-safe."""

    def __init__(self) -> None:
        self._rates: dict[str, _Rates] = {}
        self._lock = threading.Lock()

    def pays(self, engine: str, keys: int, different: int, rows: int) -> bool:
        """Tell whether to send `keys` values of a column that has about `different` ones in about `rows` rows."""
        if keys == 0:
            return True
        if keys > MOST_KEYS:
            return False
        rates = self._rates.get(engine) or _Rates()
        left = rows * min(1.0, keys / max(different, 1))
        return keys * rates.key_s + left * rates.row_s < _PAYS * rows * rates.row_s

    def worth_asking(self, engine: str, rows: int, cost_s: float, *, nested: int = 0) -> bool:
        """Tell whether fetching rows takes long enough to ask another engine for keys first; `nested` columns are dear
        at the merge site.
        """
        rates = self._rates.get(engine) or _Rates()
        return rows * (rates.row_s + nested * _NESTED_S) > 1.5 * cost_s

    def observe(self, engine: str, keys: int | None, rows: int, seconds: float) -> None:
        """Learn from a fragment: how long it took for how many keys (None: none were sent) and rows."""
        with self._lock:
            rates = self._rates.setdefault(engine, _Rates())
            spent = max(0.0, seconds - _CALL_S)
            if keys is None and rows >= 1000:
                rates.row_s += _WEIGHT * (_plausible(spent / rows, _ROW_S) - rates.row_s)
            elif keys is not None and keys >= 100:
                rest = max(0.0, spent - rows * rates.row_s)
                rates.key_s += _WEIGHT * (_plausible(rest / keys, _KEY_S) - rates.key_s)


def _plausible(seconds: float, usual_s: float) -> float:
    """Return a rate within a factor of ten of the usual one: a busy machine must not turn the gate for long."""
    return min(max(seconds, usual_s / 10), usual_s * 10)
