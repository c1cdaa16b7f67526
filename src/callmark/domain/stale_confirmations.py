"""Detects that a confirmation is stale.

A page shows a list of things that would be lost, and its form has the digest of that list. The use case compares it
with what would be lost now, under the lock.
"""

import hashlib
from collections.abc import Iterable

from callmark.kit.errors import ChangedMeanwhile


def digest_of(lost: Iterable[str]) -> str:
    """A short text that stands for the list, in its order."""
    return hashlib.sha256("\n".join(lost).encode()).hexdigest()


def refuse_changed(shown: str, lost: Iterable[str]) -> None:
    """Raises ChangedMeanwhile where something else is lost than was shown (its digest; empty for nothing shown)."""
    if shown and shown != digest_of(lost):
        raise ChangedMeanwhile
