"""What a handler of the API gets: one admitted call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NoReturn
from urllib.parse import parse_qs

from callmark.domain.accounts.model import Feature
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import Bucket
from callmark.kit.errors import InvalidInput
from callmark.surfaces.http import Response


@dataclass(frozen=True, slots=True)
class Call:
    """One request: admitted (`account_id` set) unless its route needs no token; `path` holds the path's parameters."""

    deps: Deps
    account_id: AccountId
    path: dict[str, str]
    query_string: str
    body: bytes

    def query(self, name: str) -> str | None:
        """The first value of a query parameter, None when it is not there; an empty value counts as not there."""
        found = parse_qs(self.query_string).get(name)
        return found[0] if found else None


Handler = Callable[[Call], Awaitable[Response]]


class Family(Enum):
    """How faults of the request's body are told (contract, section 1.6)."""

    A = auto()
    B = auto()


@dataclass(frozen=True)
class Route:
    """One line of the table: `path` has `{names}`; without a `feature` the route needs no token."""

    method: str
    path: str
    handler: Handler
    feature: Feature | None = None
    bucket: Bucket | None = None
    family: Family = Family.A


LARGEST_LIMIT = 10_000
_DEFAULTS = {"page": 1, "limit": 1000}


def page_and_limit(call: Call) -> tuple[int, int]:
    """`page` and `limit` of the query. Source: contract D29, whole numbers from 1, limit at most 10,000."""
    return _whole(call, "page", 10**9), _whole(call, "limit", LARGEST_LIMIT)


def _whole(call: Call, name: str, most: int) -> int:
    text = call.query(name)
    if text is None:
        return _DEFAULTS[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or not 1 <= int(text) <= most:  # noqa: PLR2004 - longer digits are over any bound
        refuse(name)
    return int(text)


def refuse(name: str) -> NoReturn:
    """Raises the error of a parameter that cannot be read."""
    raise InvalidInput(f"{name} is invalid", field=name)
