"""Sinks: webhook receivers whose answers a script programs and whose requests it reads (docs/emulator.md).

A business's webhook is pointed at `/emulator/v1/sinks/{name}`; every POST there is recorded and then answered as set.
"""

import asyncio
import re
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput, NotFound
from callmark.surfaces.api.own.shapes import Instant
from callmark.surfaces.emulator.control_api import sink_queries, wire
from callmark.surfaces.emulator.control_api.routing import PREFIX, control_route
from callmark.surfaces.emulator.control_api.sink_queries import Sink, SinkRequest
from callmark.surfaces.http import Header, Response, connection_of, read_body, render

LARGEST_REQUEST_BYTES = 1 << 20
LONGEST_S = 120
_DEFAULT_DRIP_S = 0.5
_NO_BODY = (204, 304)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]{0,1024}")
_SERVERS_OWN = {"connection", "content-length", "transfer-encoding"}

_MOST_CHARACTERS = 8192
_LARGEST_BODY_BYTES = 128 * 1024
"""Of a whole request: as JSON a character takes up to 12 bytes, two escapes."""

_Seconds = Annotated[float, Meta(ge=0, le=LONGEST_S)]
_Status = Annotated[int, Meta(description="The status that it answers with.")]
_Delay = Annotated[float, Meta(description="Seconds before it answers.")]
_Headers = Annotated[dict[str, str], Meta(description="Headers by their names.")]
_BODY = "The body of its answers."
_Reset = Annotated[bool, Meta(description="Whether it cuts the connection in place of an answer.")]
_DRIP = "Seconds between the bytes of the answer's body; "


class SinkIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sink is to answer, in place of how it did; what is left out is as in one that nobody has set."""

    status: Annotated[_Status, Meta(ge=200, le=599)] = 200
    delay_s: Annotated[_Delay, Meta(ge=0, le=LONGEST_S)] = 0
    headers: _Headers = {}
    body: Annotated[Annotated[str, Meta(max_length=_MOST_CHARACTERS)] | UnsetType, Meta(description=_BODY)] = UNSET
    drip: Annotated[
        bool | _Seconds, Meta(description=f"{_DRIP}`true` is half a second; `false`, 0 or none sends it whole.")
    ] = False
    reset: _Reset = False


class SinkOut(Struct, frozen=True):
    """How a sink answers, where it is, and how many requests of it are kept."""

    name: Annotated[str, Meta(description="The sink's name.")]
    url: Annotated[str, Meta(description="Where webhooks are sent.")]
    local_url: Annotated[
        str,
        Meta(
            description="Its address on the platform's own machine. Webhooks reach it there by whatever address the"
            " emulator is reached from elsewhere."
        ),
    ]
    status: _Status
    delay_s: _Delay
    headers: _Headers
    body: Annotated[str, Meta(description=_BODY)]
    drip: Annotated[float, Meta(description=f"{_DRIP}0 when it is sent whole.")]
    reset: _Reset
    requests: Annotated[int, Meta(description="How many requests are kept.")]


class SinkRequestOut(Struct, frozen=True):
    """A request as it came."""

    at: Annotated[Instant, Meta(description="When it came, by the product clock.")]
    method: Annotated[str, Meta(description="Its method.")]
    query: Annotated[str, Meta(description="What stood behind the `?` of the address.")]
    headers: _Headers
    body: Annotated[str, Meta(description="The body as it came.")]


def sink_routes(deps: Deps) -> list[BaseRoute]:
    """The control of sinks, and the receivers themselves."""
    control = _Control(deps)
    controlled = control_route("sinks/{name}", GET=control.get_sink, PUT=control.put_sink, DELETE=control.delete_sink)
    sink = _Receiver(deps, controlled.app)
    return [
        control_route("sinks", GET=control.list_sinks),
        control_route("sinks/{name}/requests", GET=control.list_requests, DELETE=control.delete_requests),
        Route(controlled.path, sink, methods=["POST", *(controlled.methods or ())]),
    ]


async def keep_message(deps: Deps, name: str, body: bytes) -> None:
    """Keeps a message of the push service as if it had been posted to that sink. Raises NotFound for no name."""
    message = SinkRequest(0, deps.clock.now(), "POST", "", {}, body.decode())
    async with deps.db.connection() as tx:
        await sink_queries.insert_request(tx, _name(name), message)


class _Control:
    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def list_sinks(self, _: Request) -> Response:
        """Every sink that was set or has been sent something, by name."""
        async with self._deps.db.connection() as tx:
            found = await sink_queries.select_sinks(tx)
        return render([self._out(sink, count) for sink, count in found])

    async def get_sink(self, request: Request) -> Response:
        """How the sink answers."""
        return await self._told(_name(request.path_params["name"]))

    async def put_sink(self, request: Request) -> Response:
        """Sets how the sink answers from now on."""
        name = _name(request.path_params["name"])
        sink = _wanted(name, await wire.read(request, SinkIn, empty=b"{}", largest_bytes=_LARGEST_BODY_BYTES))
        async with self._deps.db.connection() as tx:
            await sink_queries.put_sink(tx, sink)
        return await self._told(name)

    async def delete_sink(self, request: Request) -> Response:
        """Forgets the sink and what it was sent."""
        async with self._deps.db.transaction() as tx:
            await sink_queries.delete_sink(tx, _name(request.path_params["name"]))
        return Response(204, headers=[])

    async def list_requests(self, request: Request) -> Response:
        """What the sink was sent, oldest first."""
        async with self._deps.db.connection() as tx:
            found = await sink_queries.select_requests(tx, _name(request.path_params["name"]))
        return render(
            [SinkRequestOut(iso_ms(one.at), one.method, one.query, dict(one.headers), one.body) for one in found]
        )

    async def delete_requests(self, request: Request) -> Response:
        """Forgets what the sink was sent."""
        async with self._deps.db.connection() as tx:
            await sink_queries.delete_requests(tx, _name(request.path_params["name"]))
        return Response(204, headers=[])

    async def _told(self, name: str) -> Response:
        async with self._deps.db.connection() as tx:
            sink = await sink_queries.select_sink(tx, name)
            return render(self._out(sink, await sink_queries.count_requests(tx, name)))

    def _out(self, sink: Sink, requests: int) -> SinkOut:
        path = f"{PREFIX}sinks/{sink.name}"
        return SinkOut(
            sink.name,
            f"{self._deps.public_url}{path}",
            f"{self._deps.settings.local_url}{path}",
            sink.status,
            sink.delay_s,
            dict(sink.headers),
            sink.body,
            sink.drip_s,
            sink.reset,
            requests,
        )


class _Receiver:
    """Takes the POSTs of a sink's path; an ASGI application, because it answers in ways that no handler should."""

    def __init__(self, deps: Deps, others: ASGIApp) -> None:
        self._deps = deps
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Records a POST and answers as set; other methods are the control's."""
        if scope["method"] != "POST":
            await self._others(scope, receive, send)
            return
        name = _name(scope["path_params"]["name"])
        body = await read_body(scope, receive, LARGEST_REQUEST_BYTES)
        async with self._deps.db.connection() as tx:
            await sink_queries.insert_request(tx, name, self._request(scope, body))
            sink = await sink_queries.select_sink(tx, name)
        connection_of(scope)["is_watched"] = True
        if sink.delay_s and await _gone(receive, sink.delay_s):
            return
        if sink.reset:
            scope["extensions"]["callmark.connection"]["cut"]()
            await receive()
            return
        await _answer(sink, receive, send)

    def _request(self, scope: Scope, body: bytes) -> SinkRequest:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return SinkRequest(
            0,
            self._deps.clock.now(),
            scope["method"],
            scope["query_string"].decode("latin-1"),
            headers,
            body.decode(errors="replace").replace("\0", "\ufffd"),
        )


async def _answer(sink: Sink, receive: Receive, send: Send) -> None:
    body = b"" if sink.status in _NO_BODY else sink.body.encode()
    headers: list[Header] = [(name.encode(), value.encode("latin-1")) for name, value in sink.headers.items()]
    if not any(name.lower() == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    if not sink.drip_s:
        await Response(sink.status, body, headers).send(send)
        return
    await send({"type": "http.response.start", "status": sink.status, "headers": headers})
    for byte in body:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        if await _gone(receive, sink.drip_s):
            return
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive, within_s: float) -> bool:
    """Returns after `within_s`, or sooner when the caller hangs up: whether it did."""
    try:
        async with asyncio.timeout(within_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise NotFound("a sink's name must have 1 to 64 letters, digits, dots, hyphens and underscores")
    return text


def _wanted(name: str, body: SinkIn) -> Sink:
    """The sink that is asked for. Raises InvalidInput for headers that cannot be sent."""
    for key, value in body.headers.items():
        if not _HEADER_NAME.fullmatch(key) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(f"headers is invalid: {key[:64]!r} cannot be sent", field="headers")
        if key.lower() in _SERVERS_OWN:
            raise InvalidInput(f"headers is invalid: {key} is set by the server", field="headers")
    drip_s = body.drip if not isinstance(body.drip, bool) else _DEFAULT_DRIP_S if body.drip else 0
    text = Sink(name).body if body.body is UNSET else body.body
    return Sink(name, body.status, body.delay_s, body.headers, text, drip_s, body.reset)
