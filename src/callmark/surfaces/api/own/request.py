"""How handlers of our own routes read a request: ids of the path, bodies, and where a page begins."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.api.request import ApiRequest, limit_of, refuse
from callmark.surfaces.bodies import decode_clean, explained
from callmark.surfaces.cursors import Key, KeyPager, Row

USUAL, MOST = 100, 1000
"""How many entries a page has unless asked otherwise, and at most."""
_LONGEST_TEXT = 200

_T = TypeVar("_T", bound=Struct)
_Choice = TypeVar("_Choice", bound=StrEnum)
_Id = TypeVar("_Id")


class NoBody(Struct, forbid_unknown_fields=True):
    """The body of a request that says everything by its path: nothing, or an empty object."""


def body_of(request: ApiRequest, kind: type[_T], inner: Mapping[str, type[Struct]] | None = None) -> _T:
    """The body; one that is not there counts as an empty object. `inner` as in `bodies.explained`.

    Raises InvalidInput that names the field at fault, also for one that is not known.
    """
    try:
        return decode_clean(kind, request.body or b"{}")
    except msgspec.ValidationError as exc:
        raise explained(exc, kind, inner or {}) from exc
    except NOT_JSON as exc:
        raise InvalidInput("request body is not valid JSON") from exc


def id_of(request: ApiRequest, name: str, kind: Callable[[UUID], _Id]) -> _Id:
    """The id of the path. Raises NotFound for what is no UUID."""
    found = parse_uuid(request.path[name])
    if found is None:
        raise NotFound
    return kind(found)


def utc_of(given: datetime, name: str) -> datetime:
    """An instant of the body in UTC. Raises InvalidInput for one outside the years that UTC has there."""
    try:
        return given.astimezone(UTC)
    except OverflowError:
        refuse(name)


def any_id(found: UUID) -> UUID:
    """For `id_of`, where things of several kinds may be meant."""
    return found


def id_filter(request: ApiRequest, name: str, kind: Callable[[UUID], _Id]) -> _Id | None:
    """An id of the query, None without it. Raises InvalidInput."""
    text = request.query(name)
    if text is None:
        return None
    found = parse_uuid(text)
    if found is None:
        refuse(name)
    return kind(found)


def text_filter(request: ApiRequest, name: str) -> str:
    """A text of the query, empty without it. Raises InvalidInput for one that nothing stored can contain."""
    text = request.query(name) or ""
    if "\0" in text or len(text) > _LONGEST_TEXT:
        refuse(name)
    return text


def choice_filter(request: ApiRequest, name: str, kind: type[_Choice]) -> _Choice | None:
    """One of several words of the query, None without it. Raises InvalidInput that lists them."""
    text = request.query(name)
    if text is None:
        return None
    if text not in set(kind):
        raise InvalidInput(f"{name} must be one of {', '.join(kind)}", field=name)
    return kind(text)


class ApiPager(KeyPager[Row, Key], frozen=True):
    """How a list of our own routes pages: by `KeyPager`; its keys fall where the newest come first."""

    is_falling: bool = True

    def limit(self, request: ApiRequest) -> int:
        """How many rows a page has. Raises InvalidInput."""
        return limit_of(request, USUAL, most=MOST)

    def after(self, request: ApiRequest) -> Key | None:
        """The key that the page begins behind, None for the first page. Raises InvalidInput for none of ours."""
        text = request.query("after")
        if text is None:
            return None
        found = self.read(text)
        if found is None:
            refuse("after")
        return found

    async def after_or_id(self, request: ApiRequest, position_of: Callable[[UUID], Awaitable[Key]]) -> Key | None:
        """As `after`; also for the id of a row that is still there, which programs have as `next_after` of before."""
        row_id = parse_uuid(request.query("after") or "")
        if row_id is None:
            return self.after(request)
        try:
            return await position_of(row_id)
        except NotFound:
            refuse("after")

    def part(self, request: ApiRequest, found: list[Row]) -> tuple[list[Row], str | None]:
        """The page out of what a query found, one row more than the limit where there is a next page; its `after`."""
        rows, further = self.cut(found, self.limit(request))
        return rows, further or None

    def page(self, request: ApiRequest, every: Iterable[Row]) -> tuple[list[Row], str | None]:
        """As `part`, out of the whole list in whatever order."""
        return self.part(request, self.behind(every, self.after(request), is_falling=self.is_falling))
