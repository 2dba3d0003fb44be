"""JSON merge patch (RFC 7396): how `document_update` changes a document."""

from __future__ import annotations

from polyroute.engines.document.definition import Document


def merge_patch(target: object, patch: object) -> object:
    """Return the target changed by a patch; null removes a member, everything but an object replaces what was
    there. Neither is changed itself.

    >>> merge_patch({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "e": [4]})
    {'a': {'c': 2}, 'd': 3, 'e': [4]}
    """
    if not isinstance(patch, dict):
        return patch
    merged: Document = dict(target) if isinstance(target, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), change)
    return merged
