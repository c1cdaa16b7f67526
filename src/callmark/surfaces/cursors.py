"""Where a page of a list ended: the key of its last row, as a text that addresses carry."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

Key = TypeVar("Key", bound=tuple[Any, ...])
InstantKey = tuple[datetime, UUID]
"""The key of most lists: newest first, and by id within an instant."""
_LONGEST = 1000
_LARGEST = 2**15 - 1
"""Largest number in a key; what counts records in a batch has three digits."""


def encode_key(key: tuple[Any, ...]) -> str:
    """A key as an address carries it."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_key(text: str, kind: type[Key]) -> Key | None:
    """The key that an address carries; None for none, and for one that no list of ours has written."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        found = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.DecodeError):
        return None
    return found if _fits_a_column(found) else None


def _fits_a_column(parts: Iterable[object]) -> bool:
    """Whether the database can compare with every part."""
    for part in parts:
        match part:
            case datetime() if not (part.tzinfo and MINYEAR < part.year < MAXYEAR):
                return False
            case str() if "\0" in part:
                return False
            case int() if not -_LARGEST <= part <= _LARGEST:
                return False
            case _:
                pass
    return True
