"""Lists that page by key: the address carries the key of the last row shown, and the next page begins behind it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from callmark.surfaces.console.request import ConsoleRequest, with_query

Row = TypeVar("Row")
Key = TypeVar("Key", bound=tuple[Any, ...])
InstantKey = tuple[datetime, UUID]
"""The key of most lists: newest first, and by id within an instant."""
_LONGEST = 1000
_LARGEST = 2**15 - 1
"""Largest number in a key; what counts records in a batch has three digits."""


class ListPart(NamedTuple, Generic[Row]):
    """The rows of one page, and the addresses of the next page and of the first; empty where there is none."""

    rows: list[Row]
    next: str
    first: str


@dataclass(frozen=True)
class Pager(Generic[Row, Key]):
    """How a list pages: the type of its keys, a row's key, and how many rows a page has. Queries ask for one more."""

    kind: type[Key]
    key: Callable[[Row], Key]
    size: int
    param: str = "after"
    """The query parameter that carries the key."""

    def position(self, request: ConsoleRequest) -> Key | None:
        """Where the page begins; None for the first page, and for a key that is not ours."""
        return decode_key(request.query(self.param), self.kind)

    def part(self, request: ConsoleRequest, found: list[Row], **filters: str) -> ListPart[Row]:
        """The page out of what a query found, one row more than `size` where there is a next page."""
        rows, further, first = found[: self.size], "", ""
        if len(found) > self.size:
            further = with_query(request.path, **filters, **{self.param: encode_key(self.key(rows[-1]))})
        if self.position(request):
            first = with_query(request.path, **filters)
        return ListPart(rows, further, first)


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
