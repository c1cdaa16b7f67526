"""What a handler of the API gets (one admitted call), and what a line of the route table says about it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qs

from callmark.domain.deps import Deps
from callmark.domain.idempotency.model import Claim
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import Bucket
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput
from callmark.surfaces.http import Header, Response


@dataclass(frozen=True, slots=True)
class Call:
    """One request: admitted (`account_id` set) unless its route needs no token; `path` holds the path's parameters."""

    deps: Deps
    account_id: AccountId
    path: dict[str, str]
    query_string: str
    body: bytes
    claim: Claim | None = None
    """The right to do a request that carries an idempotency key."""

    features: frozenset[Feature] = frozenset()
    """On a route where either of two features will do: which of them the token may use."""

    headers: list[Header] = field(default_factory=list[Header])
    """What goes with the answer, whatever it will be; the handler may change it."""

    def query_values(self, name: str) -> list[str]:
        """Every value of a query parameter; an empty one counts as not there."""
        return parse_qs(self.query_string).get(name, [])

    def query(self, name: str) -> str | None:
        """The value of a query parameter, None when it is not there.

        Raises InvalidInput when it is given twice, equal values too: to take one of them in silence would hide a
        mistake (contract D56 says so of filters).
        """
        found = self.query_values(name)
        if len(found) > 1:
            raise InvalidInput(f"{name} is given more than once", field=name)
        return found[0] if found else None


Handler = Callable[[Call], Awaitable[Response]]


class Family(Enum):
    """How faults of the request's body are told (contract, section 1.6)."""

    A = auto()
    B = auto()


@dataclass(frozen=True)
class ErrorDoc:
    """An error answer of one route. `slug` is empty in the Family B envelope, where `field` stands instead.

    `bare`: the body is the message alone, as the published page of log downloads shows it (contract, section 8).
    """

    status: int
    slug: str
    message: str
    when: str
    field: str = ""
    bare: bool = False


@dataclass(frozen=True)
class ParamDoc:
    """A parameter of one route. Path parameters that are not listed are taken to be UUIDs."""

    name: str
    description: str
    schema: Mapping[str, Any]
    place: Literal["query", "header", "path"] = "query"
    required: bool = False
    example: Any = None


@dataclass(frozen=True)
class Doc:
    """What the API reference tells of a route (surfaces/reference makes OpenAPI of it).

    `request` and `response` are types that msgspec can make a JSON Schema of: Structs whose every field is
    `Annotated[type, Meta(description=…)]`, arrays of them, or None for no body. They may be documentation Structs
    beside the ones that are really decoded. Examples map a sentence to a value; each must fit its schema.
    `errors` are the route's own; 401 and 403 (a route with a feature), 413, 415, 429 (one with a bucket), 500 and 503
    are added by themselves.
    """

    summary: str
    description: str
    tag: str
    response: Any
    request: Any = None
    status: int = 200
    requests: Mapping[str, Any] = field(default_factory=dict[str, Any])
    responses: Mapping[str, Any] = field(default_factory=dict[str, Any])
    errors: Sequence[ErrorDoc] = ()
    params: Sequence[ParamDoc] = ()


@dataclass(frozen=True)
class Route:
    """One line of the table: `path` has `{names}`; without a `feature` the route needs no token."""

    method: str
    path: str
    handler: Handler
    feature: Feature | None = None
    bucket: Bucket | None = None
    """What admission counts its requests in."""
    family: Family = Family.A
    doc: Doc | None = None
    keyed: bool = False
    """Whether it heeds `Idempotency-Key`."""
    counts: Bucket | None = None
    """What the handler itself counts in; announced on every answer, and put right by the handler once it knows."""
    or_feature: Feature | None = None
    """Another feature that will do instead; only on a route without a bucket, where asking twice counts nothing."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Every feature that will do; none for a route that needs no token."""
        return tuple(one for one in (self.feature, self.or_feature) if one)


LARGEST_LIMIT = 10_000
_LAST_PAGE = 10**12
"""No list is so long: a page beyond it is as empty as this one. With any limit it can be counted in 64 bits."""


def page_and_limit(call: Call) -> tuple[int, int]:
    """`page` and `limit` of the query. Source: contract D29: whole numbers from 1, limit at most 10,000.

    A page of any greatness is allowed; one past the end is empty.
    """
    page = whole(call, "page", 1, least=1, held_at=_LAST_PAGE)
    return page, limit_of(call, 1000, most=LARGEST_LIMIT)


def limit_of(call: Call, default: int, *, most: int) -> int:
    """`limit` of the query: from 1 to `most`, `default` without one. Raises InvalidInput."""
    limit = whole(call, "limit", default, least=1, held_at=most + 1)
    if limit > most:
        refuse("limit")
    return limit


def whole(call: Call, name: str, default: int, *, least: int, held_at: int) -> int:
    """A whole number of the query from `least`, of any number of digits; a greater one than `held_at` counts as it.

    Raises InvalidInput.
    """
    text = call.query(name)
    if text is None:
        return default
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit()):
        refuse(name)
    number = held_at if len(digits) > len(str(held_at)) else min(int(digits), held_at)
    if number < least:
        refuse(name)
    return number


def refuse(name: str) -> NoReturn:
    """Raises the error of a parameter that cannot be read."""
    raise InvalidInput(f"{name} is invalid", field=name)
