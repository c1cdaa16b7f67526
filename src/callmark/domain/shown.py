"""What would be lost, as it was shown to who confirms it: compared once more when nobody else can change it."""

import hashlib
from collections.abc import Iterable

from callmark.kit.errors import ChangedMeanwhile


def digest_of(lost: Iterable[str]) -> str:
    """A short text that names what would be lost, in its order."""
    return hashlib.sha256("\n".join(lost).encode()).hexdigest()


def refuse_changed(shown: str, lost: Iterable[str]) -> None:
    """Raises ChangedMeanwhile where something else is lost than was shown (its digest; empty for nothing shown)."""
    if shown and shown != digest_of(lost):
        raise ChangedMeanwhile
