"""The API's one table of routes, and how a request goes through it: match, admit, read, handle, answer."""

from dataclasses import dataclass
from math import ceil
from uuid import UUID

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from callmark.domain.accounts.model import Feature
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import BATCH, BULK_V1, REAL_TIME, Allowance
from callmark.kit.errors import AppError, InvalidInput, MethodNotAllowed, NotFound, TooManyRequests, Unauthenticated
from callmark.surfaces.api.call import Call, Family, Route
from callmark.surfaces.api.labels import list_labels
from callmark.surfaces.api.personalisation import batch_status, push_bulk, push_real_time
from callmark.surfaces.api.records import V1, V2, V3
from callmark.surfaces.api.token import create_token
from callmark.surfaces.http import Header, Response, bearer, check_media_type, read_body, render, render_error

log = structlog.get_logger(__name__)

LARGEST_BODY_BYTES = 1 << 20
_NOBODY = UUID(int=0)
_PUSH = Feature.CALL_PERSONALISATION

# Source: contract, section 2; limits of D7; families of D2 and D5.
ROUTES = (
    Route("POST", "/clients/{clientAccountId}/token", create_token),
    Route("POST", "/clients/{clientAccountId}/dynamic_call_records", push_bulk(V1), _PUSH, BULK_V1),
    Route("POST", "/clients/{clientAccountId}/dynamic_call_record", push_real_time(V1), _PUSH, REAL_TIME),
    Route("GET", "/clients/{clientAccountId}/dynamic_call_records", batch_status(V1), _PUSH),
    Route("POST", "/v2/clients/{clientAccountId}/dynamic_call_records", push_bulk(V2), _PUSH, BATCH, Family.B),
    Route("POST", "/v2/clients/{clientAccountId}/dynamic_call_record", push_real_time(V2), _PUSH, REAL_TIME, Family.B),
    Route("GET", "/v2/clients/{clientAccountId}/dynamic_call_records", batch_status(V2), _PUSH),
    Route("POST", "/v3/clients/{clientAccountId}/dynamic_call_records", push_bulk(V3), _PUSH, BATCH, Family.B),
    Route("POST", "/v3/clients/{clientAccountId}/dynamic_call_record", push_real_time(V3), _PUSH, REAL_TIME, Family.B),
    Route("GET", "/v3/clients/{clientAccountId}/dynamic_call_records", batch_status(V3), _PUSH),
    Route("GET", "/clients/{clientAccountId}/labels", list_labels, _PUSH),
)


class FaultOut(msgspec.Struct):
    """The inside of a Family B error."""

    status: str
    field: str
    message: str


class FamilyB(msgspec.Struct):
    """The Family B envelope (contract, section 1.6)."""

    status_info: FaultOut


@dataclass(frozen=True)
class _Shape:
    """Routes that share a path: its fixed segments (None for a parameter), and the route of each method."""

    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    methods: dict[str, Route]


def _shapes(routes: tuple[Route, ...]) -> list[_Shape]:
    shapes: dict[str, _Shape] = {}
    for route in routes:
        parts = route.path.split("/")[1:]
        fixed = tuple(None if part.startswith("{") else part for part in parts)
        names = tuple(part[1:-1] for part in parts if part.startswith("{"))
        shapes.setdefault(route.path, _Shape(fixed, names, {})).methods[route.method] = route
    return list(shapes.values())


class Api:
    """The API as an ASGI application."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._by_length: dict[int, list[_Shape]] = {}
        for shape in _shapes(ROUTES):
            self._by_length.setdefault(len(shape.segments), []).append(shape)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; every error of ours comes out in the envelope of its route."""
        headers: list[Header] = []
        family = Family.A
        try:
            route, path = self._match(scope["method"], scope["path"])
            scope["route"] = route.path
            family = route.family
            answer = await self._answer(route, path, scope, receive, headers)
        except InvalidInput as exc:
            answer = _family_b(exc) if family is Family.B else render_error(exc)
        except AppError as exc:
            answer = render_error(exc)
        await answer.send(send, headers)

    def _match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        parts = path.split("/")[1:]
        for shape in self._by_length.get(len(parts), ()):
            if all(part if fixed is None else fixed == part for fixed, part in zip(shape.segments, parts, strict=True)):
                route = shape.methods.get(method)
                if route is None:
                    raise MethodNotAllowed(tuple(shape.methods))
                values = [part for fixed, part in zip(shape.segments, parts, strict=True) if fixed is None]
                return route, dict(zip(shape.names, values, strict=True))
        raise NotFound

    async def _answer(
        self, route: Route, path: dict[str, str], scope: Scope, receive: Receive, headers: list[Header]
    ) -> Response:
        account = AccountId(_NOBODY)
        if route.feature is not None:
            token = bearer(scope)
            if not token:
                raise Unauthenticated
            admission = await credentials.admit(
                self._deps, token, path["clientAccountId"], feature=route.feature, bucket=route.bucket
            )
            account = admission.account_id
            scope["account"] = str(account)
            if admission.allowance:
                headers += _rate_headers(admission.allowance)
                if not admission.allowance.granted:
                    raise TooManyRequests(admission.allowance.reset_in)
        if route.method == "POST":
            check_media_type(scope)
        body = await read_body(scope, receive, LARGEST_BODY_BYTES)
        return await route.handler(Call(self._deps, account, path, scope["query_string"].decode("latin-1"), body))


def _rate_headers(left: Allowance) -> list[Header]:
    """Source: contract D45, draft-ietf-httpapi-ratelimit-headers-11."""
    bucket = left.bucket
    policy = f'"{bucket.name}";q={bucket.quota};w={ceil(bucket.window.total_seconds())}'
    now = f'"{bucket.name}";r={left.remaining};t={left.retry_after_s}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]


def _family_b(exc: InvalidInput) -> Response:
    return render(FamilyB(FaultOut("error", exc.field, exc.message)), exc.status)
