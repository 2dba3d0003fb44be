"""Show an operation in one line, for plans and their explanation."""

from __future__ import annotations

from dataclasses import fields

from polyroute.operations import Operation


def native_text(op: Operation) -> str:
    """Return an operation in one line: its dataset and the arguments that were given, long values cut."""
    shown = [
        f"{f.name}={_short(getattr(op, f.name))}"
        for f in fields(op)
        if f.name not in ("dataset", "params") and getattr(op, f.name) != f.default
    ]
    return f"{op.name}({', '.join([op.dataset or '', *shown])})"


def _short(value: object) -> str:
    if hasattr(value, "__len__") and not isinstance(value, str) and len(value) > 8:
        return f"<{len(value)} values>"
    return repr(value)
