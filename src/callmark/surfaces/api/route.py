"""A line of the API's route table: path, handler, feature, limits, and its text in the reference."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Literal

from msgspec import Struct, field

from callmark.domain.deps import Deps
from callmark.domain.limits.model import Bucket
from callmark.domain.personalisation.admitted_push import ReadPush
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import Feature, KeyAccess
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.http import Response

Handler = Callable[[ApiRequest], Awaitable[Response]]
PushReader = Callable[[Deps, bytes], ReadPush | None]
LARGEST_BODY_BYTES = 1 << 20
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose body is read."""


class Family(Enum):
    """How faults are reported: A and B of a request's body (contract, section 1.6), OURS of most of our own routes."""

    A = auto()
    B = auto()
    OURS = auto()
    """As A, and an error about one field names it in `field`."""


class ErrorDoc(Struct, frozen=True):
    """An error answer of one route. `slug` is empty in the Family B envelope; `field` goes with B and OURS.

    `bare`: the body is the message alone, as the published page of log downloads shows it (contract, section 8).
    """

    status: int
    slug: str
    message: str
    when: str
    field: str = ""
    bare: bool = False


class ParamDoc(Struct, frozen=True):
    """A parameter of one route. Path parameters that are not listed are taken to be UUIDs."""

    name: str
    description: str
    schema: Mapping[str, Any]
    place: Literal["query", "header", "path"] = "query"
    required: bool = False
    example: Any = None


class Doc(Struct, frozen=True):
    """The text of a route in the API reference (surfaces/reference makes OpenAPI of it).

    `request` and `response` are types that msgspec can make a JSON Schema of: Structs whose every field is
    `Annotated[type, Meta(description=…)]`, arrays of them, or None for no body. They may be documentation Structs
    beside the ones that are really decoded. Examples map a sentence to a value; each must fit its schema.
    `errors` are the route's own; 401 and 403 (a route with a feature), 413, 415, 429 (one with a bucket), 500 and 503
    are added by themselves.
    """

    name: str
    """What generated clients call the operation. Never changed again."""
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


class ApiRoute(Struct, frozen=True):
    """One line of the table: `path` has `{names}`; without a `feature` the route needs no token."""

    method: str
    path: str
    handler: Handler
    feature: KeyAccess | None = None
    bucket: Bucket | None = None
    """What admission counts its requests in."""
    family: Family = Family.A
    doc: Doc | None = None
    keyed: bool = False
    """Whether it reads `Idempotency-Key`."""
    counts: Bucket | None = None
    """What the handler itself counts in; announced on every answer, and put right by the handler once it knows."""
    or_features: tuple[Feature, ...] = ()
    """Other features that will do instead; only on a route without a bucket, where asking again counts nothing."""
    needs: Action | None = None
    """What a route of the management API does, for the policy of keys."""
    for_operators: bool = False
    """Whether it takes operator tokens, and no others."""
    largest_bytes: int = LARGEST_BODY_BYTES
    """How large a body may be."""
    reads_push: PushReader | None = None
    """Reads a body that is there already, so that what it asks for is done in the statement that admits it."""

    @property
    def features(self) -> tuple[KeyAccess, ...]:
        """Every feature that will do; none for a route that needs no token."""
        return (self.feature, *self.or_features) if self.feature else ()
