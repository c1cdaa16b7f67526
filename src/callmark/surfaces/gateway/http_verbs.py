"""The gateway's verbs as plain HTTP, for apps that wake up for one call; registrations too."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import PushToken, Registration
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.handset_messages import RecordRef, identity_of
from callmark.instants import to_ms
from callmark.kit.errors import AppError, InvalidInput, MethodNotAllowed, NotFound, Unauthenticated
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind, TracedSpan
from callmark.kit.workload import Workload, aside, belongs_to, units_of
from callmark.surfaces.bodies import read_text
from callmark.surfaces.gateway import verbs, wire
from callmark.surfaces.gateway.numbers import number_of
from callmark.surfaces.http import (
    Response,
    address_of,
    announced_bytes,
    bearer,
    check_media_type,
    header,
    note_reason,
    render,
    render_error,
)

Body = TypeVar("Body")


class Request(Struct, frozen=True):
    """One request with a credential of some kind."""

    deps: Deps
    credential: str
    scope: Scope
    receive: Receive

    async def handset(self) -> Registration:
        """The registration whose token was sent. Raises Unauthenticated."""
        found = await handsets.authenticate(self.deps, self.credential)
        belongs_to(found.phone_number)
        return found

    def answering(self) -> AbstractContextManager[TracedSpan]:
        """A span below that of the push, whose `traceparent` an admitted handset sends back; none within another."""
        parent = None if tracing.current() else tracing.proper(header(self.scope, tracing.HEADER.encode()))
        return tracing.following(parent, f"{self.scope['method']} {self.scope['route']}", SpanKind.SERVER)

    async def body(self, kind: type[Body], limit_bytes: int = wire.FRAME_BYTES) -> Body:
        """The body as `kind`. Raises UnsupportedMedia, PayloadTooLarge, InvalidInput."""
        check_media_type(self.scope)
        with aside():
            body = await read_text(self.scope, self.receive, limit_bytes)
        return wire.decode_body(kind, body)


async def register(request: Request) -> Response:
    """`POST registrations`: a new token, and the end of the older one."""
    body = await request.body(wire.RegistrationBody)
    phone = number_of(body.phone_number, "phone_number", body.region)
    push = _push_token(body)
    made = await handsets.register(request.deps, request.credential, phone, body.os, body.app_version, push)
    return render(wire.RegistrationAnswer(phone, made.registration.generation, made.token), 201)


def _push_token(body: wire.RegistrationBody) -> PushToken | None:
    """Raises InvalidInput for one of the two alone."""
    if body.push_service is None and body.push_token is None:
        return None
    if body.push_service is None or body.push_token is None:
        missing = "push_service" if body.push_service is None else "push_token"
        raise InvalidInput(f"{missing} is required", field=missing)
    return PushToken(body.push_service, body.push_token)


async def forget(request: Request) -> Response:
    """`DELETE registrations`: the app was uninstalled."""
    await handsets.forget(request.deps, request.credential)
    return _done()


async def sync(request: Request) -> Response:
    """`POST sync`: one page."""
    mine = await request.handset()
    body = await request.body(wire.SyncBody)
    deps = request.deps
    page = await verbs.read_page(deps, mine, body.held, body.cursor)
    await personalisation.acknowledge(deps, page.held)
    return render(
        wire.SyncAnswer(
            now=to_ms(deps.clock.now()),
            identities=[identity_of(record, deps.public_url) for record in page.missing],
            withdrawn=[RecordRef.of(key) for key in page.withdrawn],
            cursor=page.cursor,
        )
    )


async def ack(request: Request) -> Response:
    """`POST ack`: up to a page of records."""
    mine = await request.handset()
    body = await request.body(wire.AckBody, wire.ACK_BODY_BYTES)
    await verbs.acknowledge(request.deps, mine, body.records)
    return _done()


async def resolve(request: Request) -> Response:
    """`POST resolve`: who is calling."""
    mine = await request.handset()
    body = await request.body(wire.ResolveBody)
    found = await verbs.resolve(request.deps, mine, body)
    return render(wire.ResolveAnswer(found.caller_number, found.identity, found.source, found.why, found.offers))


async def call(request: Request) -> Response:
    """`POST call`: one fact of a real call."""
    mine = await request.handset()
    await verbs.report_call(request.deps, mine, await request.body(wire.CallBody))
    return _done()


async def call_me_back(request: Request) -> Response:
    """`POST call_me_back`: the receiver asks to be called back."""
    mine = await request.handset()
    with request.answering():
        await verbs.call_me_back(request.deps, mine, await request.body(wire.CallMeBackBody))
    return _done()


async def feedback(request: Request) -> Response:
    """`POST feedback`: the receiver answers a campaign."""
    mine = await request.handset()
    with request.answering():
        await verbs.answer(request.deps, mine, await request.body(wire.FeedbackBody, wire.FEEDBACK_BODY_BYTES))
    return _done()


async def stream(_: Request) -> Response:
    """`GET stream` without a WebSocket handshake."""
    raise InvalidInput("this path accepts WebSocket connections only")


Handler = Callable[[Request], Awaitable[Response]]

TABLE: dict[str, dict[str, Handler]] = {
    "registrations": {"POST": register, "DELETE": forget},
    "sync": {"POST": sync},
    "ack": {"POST": ack},
    "resolve": {"POST": resolve},
    "call": {"POST": call},
    "call_me_back": {"POST": call_me_back},
    "feedback": {"POST": feedback},
    "stream": {"GET": stream},
}


class HttpVerbs:
    """The ASGI application behind `/handset/v1/`."""

    def __init__(self, deps: Deps, load: Workload) -> None:
        self._deps = deps
        self._load = load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; errors in the Family A envelope. A bug is passed on to the layer that logs it."""
        scope["route"] = f"/handset/v1/{scope['path_params']['verb']}" if _known(scope) else "other"
        try:
            answer = await self._answer(scope, receive)
        except AppError as exc:
            note_reason(exc)
            answer = render_error(exc)
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        methods = TABLE.get(scope["path_params"]["verb"])
        if methods is None:
            raise NotFound
        handler = methods.get(scope["method"])
        if handler is None:
            raise MethodNotAllowed(tuple(methods))
        request = Request(self._deps, bearer(scope), scope, receive)
        if not request.credential and handler is not stream:
            raise Unauthenticated
        units = units_of(min(announced_bytes(scope), wire.FEEDBACK_BODY_BYTES))
        with self._load.strange_share(address_of(scope), units):
            return await handler(request)


def _known(scope: Scope) -> bool:
    return scope["path_params"]["verb"] in TABLE


def _done() -> Response:
    return Response(204, headers=[])
