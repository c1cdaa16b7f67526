"""Lists that page by key: the address carries the key of the last row shown, and the next page begins behind it."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from callmark.surfaces.console.request import ConsoleRequest, with_query
from callmark.surfaces.cursors import Key, decode_key, encode_key

Row = TypeVar("Row")


class ListPart(NamedTuple, Generic[Row]):
    """The rows of one page, and the addresses of the next page and of the first; empty where there is none."""

    rows: list[Row]
    next: str
    first: str


class Pager(Struct, Generic[Row, Key], frozen=True):
    """How a list pages: the type of its keys, a row's key, and how many rows a page has. Queries ask for one more."""

    kind: type[Key]
    key: Callable[[Row], Key]
    size: int
    param: str = "after"
    """The query parameter that carries the key."""

    filters: tuple[str, ...] = ()
    """The query parameters that narrow the list."""

    def filtered_by(self, request: ConsoleRequest) -> dict[str, str]:
        """What the address has of each filter; empty for one that it has not."""
        return {name: request.query(name) for name in self.filters}

    def here(self, request: ConsoleRequest, path: str) -> str:
        """The path with the filters and the page that the address has."""
        return with_query(path, **self.filtered_by(request), **{self.param: request.query(self.param)})

    def position(self, request: ConsoleRequest) -> Key | None:
        """Where the page begins; None for the first page, and for a key that is not ours."""
        return decode_key(request.query(self.param), self.kind)

    def part(self, request: ConsoleRequest, found: list[Row]) -> ListPart[Row]:
        """The page out of what a query found, one row more than `size` where there is a next page."""
        rows, further, first = found[: self.size], "", ""
        filters = self.filtered_by(request)
        if len(found) > self.size:
            further = with_query(request.path, **filters, **{self.param: encode_key(self.key(rows[-1]))})
        if self.position(request):
            first = with_query(request.path, **filters)
        return ListPart(rows, further, first)
