"""Lists that page by key: the address carries the key of the last row shown, and the next page begins behind it."""

from collections.abc import Iterable
from typing import Generic, NamedTuple

from callmark.surfaces.console.request import ConsoleRequest, with_query
from callmark.surfaces.cursors import Key, KeyPager, Row


class ListPart(NamedTuple, Generic[Row]):
    """The rows of one page, and the addresses of the next page and of the first; empty where there is none."""

    rows: list[Row]
    next: str
    first: str


class Pager(KeyPager[Row, Key], frozen=True):
    """How a page of the console pages: by `KeyPager`, `size` rows at a time."""

    size: int
    param: str = "after"
    """The query parameter that carries the key."""

    filters: tuple[str, ...] = ()
    """The query parameters that narrow the list."""

    is_falling: bool = True
    """Whether the newest come first, for `page`."""

    def filtered_by(self, request: ConsoleRequest) -> dict[str, str]:
        """What the address has of each filter; empty for one that it has not."""
        return {name: request.query(name) for name in self.filters}

    def here(self, request: ConsoleRequest, path: str) -> str:
        """The path with the filters and the page that the address has."""
        return with_query(path, **self.filtered_by(request), **{self.param: request.query(self.param)})

    def position(self, request: ConsoleRequest) -> Key | None:
        """Where the page begins; None for the first page, and for a key that is not ours."""
        return self.read(request.query(self.param))

    def part(self, request: ConsoleRequest, found: list[Row]) -> ListPart[Row]:
        """The page out of what a query found, one row more than `size` where there is a next page."""
        filters = self.filtered_by(request)
        rows, key = self.cut(found, self.size)
        further = with_query(request.path, **filters, **{self.param: key}) if key else ""
        first = with_query(request.path, **filters) if self.position(request) else ""
        return ListPart(rows, further, first)

    def page(self, request: ConsoleRequest, every: Iterable[Row]) -> ListPart[Row]:
        """As `part`, out of the whole list in whatever order."""
        return self.part(request, self.behind(every, self.position(request), is_falling=self.is_falling))
