"""The API's one table of routes, and how a request goes through it: match, admit, read, handle, answer."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache, partial
from math import inf
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from msgspec import Meta
from starlette.types import Receive, Scope, Send

from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import Admission
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.limits.model import BATCH, BULK_V1, REAL_TIME, TOKENS, Allowance, untouched
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.personalisation import admitted_push
from callmark.domain.personalisation.admitted_push import AdmittedPush
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.policy.plan import Feature, KeyAccess
from callmark.kit import patience
from callmark.kit.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unauthenticated,
)
from callmark.kit.workload import Workload, aside, belongs_to, units_of
from callmark.surfaces.api.extensions.routes import EXTENSION_ROUTES
from callmark.surfaces.api.feature_sets import DOC as FEATURE_SETS_DOC, list_feature_sets
from callmark.surfaces.api.idempotency import answer_once, keys_of
from callmark.surfaces.api.known_tokens import KnownTokens
from callmark.surfaces.api.labels import DOC as LABELS_DOC, list_labels
from callmark.surfaces.api.log_downloads import CALLBACKS_DOC, FEEDBACK_DOC, callback_logs, feedback_logs
from callmark.surfaces.api.management.routes import MANAGEMENT_ROUTES
from callmark.surfaces.api.numbers import delist_numbers, list_numbers, publish_numbers
from callmark.surfaces.api.numbers_doc import DELIST_DOC, NUMBERS_DOC, PUBLISH_DOC
from callmark.surfaces.api.operator.routes import OPERATOR_ROUTES
from callmark.surfaces.api.personalisation import batch_status, push_bulk, push_real_time, read_push
from callmark.surfaces.api.personalisation_doc import bulk_doc, real_time_doc, status_doc
from callmark.surfaces.api.rates import rate_headers
from callmark.surfaces.api.records import V1, V2, V3
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import WITH_BODY, ApiRoute, Family
from callmark.surfaces.api.token import DOC as TOKEN_DOC, create_token
from callmark.surfaces.api.waiting_room import ClientLine, WaitingRoom
from callmark.surfaces.bodies import as_text, body_at_hand, read_text
from callmark.surfaces.http import (
    EACH_WAIT_S,
    Header,
    Response,
    address_of,
    announced_bytes,
    bearer,
    check_media_type,
    help_link,
    note_reason,
    render,
    render_error,
)

log = structlog.get_logger(__name__)

REAL_TIME_S = 2.8
"""How long a real-time push waits for engines and handset. Source: contract D46, an answer within 3 s.

The rest is for the work itself: when twenty pushes gave up at once on a busy machine, it took 0.1 s.
"""
_NOBODY = Admission(AccountId(UUID(int=0)), KeyId(UUID(int=0)), None)
_NONE: frozenset[KeyAccess] = frozenset()
_PUSH = Feature.CALL_PERSONALISATION
_NUMBERS = Feature.NUMBER_MANAGEMENT
_B = Family.B
_CLIENT = "/clients/{clientAccountId}"
_MANY = f"{_CLIENT}/dynamic_call_records"
_ONE = f"{_CLIENT}/dynamic_call_record"
_IN_SET = f"{_CLIENT}/number_management/feature_sets/{{featureSetId}}/numbers"
_CALLBACKS = f"{_CLIENT}/openapi/callback-logs/summary"
_FEEDBACK = f"{_CLIENT}/openapi/feedback_stack/{{surveyId}}/export_report"

# Source: contract, section 2; limits of D7; families of D2 and D5.
ROUTES = (
    ApiRoute("POST", f"{_CLIENT}/token", create_token, doc=TOKEN_DOC, counts=TOKENS),
    ApiRoute("POST", _MANY, push_bulk(V1), _PUSH, BULK_V1, doc=bulk_doc(V1), keyed=True),
    ApiRoute(
        "POST", _ONE, push_real_time(V1), _PUSH, REAL_TIME, doc=real_time_doc(V1), keyed=True, reads_push=read_push(V1)
    ),
    ApiRoute("GET", _MANY, batch_status(V1), _PUSH, doc=status_doc(V1)),
    ApiRoute("POST", f"/v2{_MANY}", push_bulk(V2), _PUSH, BATCH, _B, bulk_doc(V2), keyed=True),
    ApiRoute(
        "POST",
        f"/v2{_ONE}",
        push_real_time(V2),
        _PUSH,
        REAL_TIME,
        _B,
        real_time_doc(V2),
        keyed=True,
        reads_push=read_push(V2),
    ),
    ApiRoute("GET", f"/v2{_MANY}", batch_status(V2), _PUSH, doc=status_doc(V2)),
    ApiRoute("POST", f"/v3{_MANY}", push_bulk(V3), _PUSH, BATCH, _B, bulk_doc(V3), keyed=True),
    ApiRoute(
        "POST",
        f"/v3{_ONE}",
        push_real_time(V3),
        _PUSH,
        REAL_TIME,
        _B,
        real_time_doc(V3),
        keyed=True,
        reads_push=read_push(V3),
    ),
    ApiRoute("GET", f"/v3{_MANY}", batch_status(V3), _PUSH, doc=status_doc(V3)),
    ApiRoute("GET", f"{_CLIENT}/labels", list_labels, _PUSH, doc=LABELS_DOC),
    ApiRoute("POST", f"{_IN_SET}/publish", publish_numbers, _NUMBERS, doc=PUBLISH_DOC, keyed=True),
    ApiRoute("POST", f"{_IN_SET}/delist", delist_numbers, _NUMBERS, doc=DELIST_DOC, keyed=True),
    ApiRoute("GET", f"{_CLIENT}/number_management/numbers", list_numbers, _NUMBERS, doc=NUMBERS_DOC),
    ApiRoute("GET", f"{_CLIENT}/number_management/feature_sets", list_feature_sets, _NUMBERS, doc=FEATURE_SETS_DOC),
    ApiRoute("GET", _CALLBACKS, callback_logs, Feature.CALL_ME_BACK, doc=CALLBACKS_DOC),
    ApiRoute("GET", _FEEDBACK, feedback_logs, Feature.USER_FEEDBACK, doc=FEEDBACK_DOC),
    *EXTENSION_ROUTES,
    *MANAGEMENT_ROUTES,
    *OPERATOR_ROUTES,
)


class FaultOut(msgspec.Struct):
    """The inside of a Family B error."""

    status: Annotated[str, Meta(description="Always `error`.", extra_json_schema={"enum": ["error"]})]
    field: Annotated[str, Meta(description="The field at fault; empty for the whole body.")]
    message: Annotated[str, Meta(description="What is wrong, for people.")]


class FamilyB(msgspec.Struct):
    """A fault in the body of a v2 or v3 push (contract, section 1.6: Family B)."""

    status_info: Annotated[FaultOut, Meta(description="The fault.")]


class _Shape:
    """Routes that share a path: its fixed segments and its parameters by their places, and the route of each method."""

    def __init__(self, path: str) -> None:
        parts = path.split("/")[1:]
        self.size = len(parts)
        self.last = None if parts[-1].startswith("{") else parts[-1]
        self._fixed = [(at, part) for at, part in enumerate(parts) if not part.startswith("{")]
        self._named = [(at, part[1:-1]) for at, part in enumerate(parts) if part.startswith("{")]
        self.methods: dict[str, ApiRoute] = {}

    def values(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The parameters in a path of as many segments; None when it is another path."""
        for at, fixed in self._fixed:
            if parts[at] != fixed:
                return None
        found = {name: parts[at] for at, name in self._named}
        return found if all(found.values()) else None


_Shapes = dict[tuple[int, str | None], list[_Shape]]
"""Those that may fit, in the table's order, by the number of segments and the last one.

None as the last one is for a path whose own is the last of no route: only those that end in a parameter may fit.
"""


@cache
def _shapes() -> _Shapes:
    """Those of the table, the same for every application."""
    by_path: dict[str, _Shape] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, _Shape(route.path)).methods[route.method] = route
    shapes = list(by_path.values())
    return {
        (size, last): [shape for shape in shapes if shape.size == size and shape.last in (None, last)]
        for size in {shape.size for shape in shapes}
        for last in {None, *(shape.last for shape in shapes)}
    }


Before = Callable[[ApiRoute], Awaitable[Response | None]]
"""Called before a request to a route is read; what it gives or raises, if anything, is the answer."""


class Api:
    """The API as an ASGI application; `before`, if any, runs before every route (emulator: faults)."""

    def __init__(self, deps: Deps, load: Workload, before: Before | None = None) -> None:
        self._deps = deps
        self._before = before
        self._room = WaitingRoom()
        self._load = load
        self._tokens = KnownTokens()
        self._shapes = _shapes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; every error of ours comes out in the envelope of its route."""
        headers: list[Header] = []
        family, limit = Family.A, None
        try:
            route, path = self._match(scope["method"], scope["path"])
            scope["route"] = route.path
            family, limit = route.family, route.bucket
            if route.counts is not None:
                headers += rate_headers(untouched(route.counts))
            answer = await self._before(route) if self._before is not None else None
            total_s = REAL_TIME_S if route.bucket is REAL_TIME else inf
            if answer is None:
                with self._share(route, scope), patience.of(total_s=total_s, each_s=EACH_WAIT_S):
                    answer = await self._answer(route, path, scope, receive, headers)
        except InvalidInput as exc:
            answer = _refused(family, exc)
        except AppError as exc:
            if isinstance(exc, Unauthenticated):
                self._tokens.forget(bearer(scope))
            note_reason(exc)
            answer = render_error(exc, with_field=family is Family.OURS)
        if limit and not headers:  # refused before the account was known
            headers += rate_headers(untouched(limit))
        await answer.send(send, headers)

    def _match(self, method: str, path: str) -> tuple[ApiRoute, dict[str, str]]:
        parts = path.split("/")[1:]
        size = len(parts)
        for shape in self._shapes.get((size, parts[-1])) or self._shapes.get((size, None), ()):
            if (values := shape.values(parts)) is not None:
                route = shape.methods.get(method)
                if route is None:
                    raise MethodNotAllowed(tuple(shape.methods))
                return route, values
        raise NotFound

    def _share(self, route: ApiRoute, scope: Scope) -> AbstractContextManager[None]:
        """The request's share of the process, by the owner of a token seen before; a lookup would be work already.

        Not for the account that the path names: everyone could take that account's share.
        """
        units = units_of(min(announced_bytes(scope), route.largest_bytes))
        if owner := self._tokens.bearer(bearer(scope)):
            return self._load.share(owner, units)
        return self._load.strange_share(address_of(scope), units)

    def _is_of(self, token: str, owner: str) -> None:
        """The request has been admitted as the owner's."""
        if belongs_to(owner):
            self._tokens.remember(token, owner)

    async def _answer(
        self, route: ApiRoute, path: dict[str, str], scope: Scope, receive: Receive, headers: list[Header]
    ) -> Response:
        admission, features, operator, push, body = _NOBODY, _NONE, None, None, None
        address, token = address_of(scope), bearer(scope)
        if route.or_features:
            admission, features = await self._admit_by_any(route, path, token)
            scope["account"] = str(admission.account_id)
            self._is_of(token, scope["account"])
        elif route.for_operators:
            operator = await self._admit_operator(token, address, headers)
            self._is_of(token, f"operator {operator.email}")
        elif route.feature is not None:
            if not token:
                raise Unauthenticated
            if route.reads_push and not keys_of(scope):
                body = await body_at_hand(scope, receive, route.largest_bytes)
            admission, push = await self._admit(route, token, path["clientAccountId"], body)
            scope["account"] = str(admission.account_id)
            self._is_of(token, scope["account"])
            if admission.allowance:
                _take(admission.allowance, headers)
        if body is not None:
            body = as_text(body)
        elif route.method in WITH_BODY:
            check_media_type(scope)
            with aside():
                body = await read_text(scope, receive, route.largest_bytes)
        query, line = scope["query_string"].decode("latin-1"), ClientLine(scope, receive, self._room)
        asked = (admission.account_id, path, query, body or b"", admission.key_id, address, line, None)
        request = ApiRequest(self._deps, *asked, features=features, push=push, operator=operator, headers=headers)
        if route.keyed and (keys := keys_of(scope)):
            return await answer_once(route, request, keys, partial(_refused, route.family))
        return await self._handled(route, request, token)

    async def _handled(self, route: ApiRoute, request: ApiRequest, token: str) -> Response:
        """The handler's answer. After a wait, raises what a new request would get: its key or account may have ended.

        A token that expired meanwhile still counts: it was good when the request came.
        """
        answer = await route.handler(request)
        at = request.line.waits_since
        if at is None:
            return answer
        if route.or_features:
            _, left = await self._admit_by_any(route, request.path, token, at)
            if not request.features <= left:
                raise Forbidden
        else:
            account = request.path["clientAccountId"]
            await credentials.admit(self._deps, token, account, feature=route.feature, at=at)
        return answer

    async def _admit(
        self, route: ApiRoute, token: str, account: str, body: bytes | None
    ) -> tuple[Admission, AdmittedPush | None]:
        """The admission, and the push that was written with it, where its body was at hand and without a fault."""
        read = route.reads_push(self._deps, body) if route.reads_push and body is not None else None
        if read is not None:
            return await admitted_push.admit(self._deps, token, account, read)
        return await credentials.admit(self._deps, token, account, feature=route.feature, bucket=route.bucket), None

    async def _admit_by_any(
        self, route: ApiRoute, path: dict[str, str], token: str, at: datetime | None = None
    ) -> tuple[Admission, frozenset[KeyAccess]]:
        """The admission, and those of the route's features that the token may use; Forbidden when it may use none."""
        allowed: dict[KeyAccess, Admission] = {}
        for feature in route.features:
            with contextlib.suppress(Forbidden):
                account = path["clientAccountId"]
                allowed[feature] = await credentials.admit(self._deps, token, account, feature=feature, at=at)
        if not allowed:
            raise Forbidden
        return next(iter(allowed.values())), frozenset(allowed)

    async def _admit_operator(self, token: str, address: str, headers: list[Header]) -> Actor:
        """The actor that a request with an operator token has."""
        found = await operator_tokens.admit(self._deps, token)
        _take(found.allowance, headers)
        return Actor(ActorKind.OPERATOR_API, found.created_by_email, address=address, key_name=found.token_name)


def _take(allowance: Allowance, headers: list[Header]) -> None:
    """Tells what is left. Raises TooManyRequests when nothing is."""
    headers += rate_headers(allowance)
    if not allowance.granted:
        raise TooManyRequests(allowance.reset_in)


def _refused(family: Family, exc: InvalidInput) -> Response:
    """The answer to a fault of the request, in the route's family."""
    if family is Family.B:
        answer = render(FamilyB(FaultOut("error", exc.field, capital(exc.message))), exc.status)
        answer.headers.append(help_link(exc.slug))
        return answer
    return render_error(exc, with_field=family is Family.OURS)


def capital(message: str) -> str:
    """The same sentence as Family B begins it."""
    return f"R{message[1:]}" if message.startswith("request body") else message
