"""Lists that page by key: the key of the last row shown is a text in the address of the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

Row = TypeVar("Row")
Key = TypeVar("Key", bound=tuple[Any, ...])
InstantKey = tuple[datetime, UUID]
"""The key of most lists: newest first, and by id within an instant."""
_LONGEST = 1000
_LARGEST = 2**15 - 1
"""Largest number in a key; what counts records in a batch has three digits."""


class KeyPager(Struct, Generic[Row, Key], frozen=True):
    """How a list pages: the type of its keys, and a row's key. Queries ask for one row more than a page has."""

    kind: type[Key]
    key: Callable[[Row], Key]

    def read(self, text: str) -> Key | None:
        """The key that an address carries, as `decode_key`."""
        return decode_key(text, self.kind)

    def cut(self, found: list[Row], size: int) -> tuple[list[Row], str]:
        """The page out of what a query found, and the key that the next page begins behind; empty without one."""
        rows = found[:size]
        return rows, encode_key(self.key(rows[-1])) if len(found) > size else ""

    def behind(self, every: Iterable[Row], after: Key | None, *, is_falling: bool) -> list[Row]:
        """What comes behind a key in a whole list, in order; also where the row that had the key is gone."""
        whole = sorted(every, key=self.key, reverse=is_falling)
        return [one for one in whole if after is None or self._is_behind(self.key(one), after, is_falling=is_falling)]

    def _is_behind(self, key: tuple[Any, ...], after: tuple[Any, ...], *, is_falling: bool) -> bool:
        return key < after if is_falling else key > after


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
