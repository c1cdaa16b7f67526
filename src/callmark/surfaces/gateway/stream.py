"""One WebSocket stream from handshake to end, and what each frame from the handset does.

The order on connect leaves no gap: subscribe → check that the registration is active → welcome → `sync` reads the
database, while senders commit before they publish.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

import structlog
from starlette.types import Message, Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service as handsets
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.handset_messages import encode_identity, encode_withdraw
from callmark.domain.personalisation.model import RecordKey
from callmark.instants import to_ms
from callmark.kit.errors import AppError, InvalidInput, Unauthenticated, Unavailable
from callmark.kit.fabric.client import Attachment
from callmark.kit.fastpath.websockets import Frames
from callmark.kit.ids import new_id
from callmark.kit.phone import shorten
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind, TracedSpan
from callmark.surfaces.gateway import metrics, verbs, wire
from callmark.surfaces.gateway.connection import HandsetConnection
from callmark.surfaces.http import bearer

if TYPE_CHECKING:
    from callmark.surfaces.gateway.app import Gateway

log = structlog.get_logger(__name__)

MOST_FAULTS = 10
"""Frames that a stream may spoil before it is closed with 4400."""

NO_CODE = 1005
RESTARTING_CODE = 1012

_GOODBYES = frozenset({1000, 4400})
"""Ends after which no handset of the number is expected: it left itself, or has to be corrected first.

After 4401, 4409 and 4410 this device or another may be about to connect, with a registration that is newer. Proxies
that reload close with 1001 or 1012, in the name of handsets that are still there.
"""

SUBPROTOCOL = "callmark.v1"
_BEARER = "bearer."


class Stream:
    """The ASGI application behind `/handset/v1/stream`."""

    def __init__(self, deps: Deps, gateway: "Gateway") -> None:
        self._deps = deps
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream, from the handshake on; leaves one log line."""
        await receive()
        offered: list[str] = scope.get("subprotocols", [])
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None})
        try:
            registration = await handsets.authenticate(self._deps, bearer(scope) or _offered_token(offered))
        except Unauthenticated:
            await _refuse(send, 4401, "the token is missing, unknown, or has ended")
            return
        except Unavailable as exc:
            await _refuse(send, 1013, exc.message)
            return
        frames: Frames | None = scope.get("extensions", {}).get("callmark.frames")
        stream = HandsetConnection(registration, send, asyncio.current_task(), frames.write if frames else None)
        if frames:
            frames.take = partial(self._acknowledged, stream)
        began = asyncio.get_running_loop().time()
        code = NO_CODE
        try:
            code = await self._serve(stream, receive)
        except asyncio.CancelledError:
            if not stream.abandoned:
                raise
        finally:
            stream.end()
            if frames:
                frames.take = None
            is_ours = not (frames and frames.client_closed)
            if stream.closing and stream.closing[0] != NO_CODE:
                code, is_ours = stream.closing[0], True
            if not (is_ours and code == RESTARTING_CODE):  # the end of the gateway counts for all of its streams
                self._note_ended(stream, code)
            _note(stream, code, asyncio.get_running_loop().time() - began)

    async def _serve(self, stream: HandsetConnection, receive: Receive) -> int:
        """Runs the stream to its end; the close code."""
        attachment: Attachment | None = None
        number = stream.registration.phone_number
        self._gateway.add(stream)
        try:
            try:
                attachment = await self._deps.fabric.attach(number, stream.push)
                self._deps.fabric.held.add(stream.stream, stream.push)
                await self._gateway.close_ended([stream])
                await presence.note_opened(self._deps, self._gateway.id, number, stream.stream)
                await self._gateway.take_over(stream)
                stream.open(self._welcome(stream))
            except Unavailable as exc:
                stream.close(1013, exc.message)
            return await self._read(stream, receive)
        finally:
            self._gateway.remove(stream)
            self._deps.fabric.held.remove(stream.stream)
            if attachment:
                await self._deps.fabric.detach(attachment)

    def _note_ended(self, stream: HandsetConnection, code: int) -> None:
        number, goodbye = stream.registration.phone_number, code in _GOODBYES
        self._gateway.run(presence.note_ended(self._deps, number, stream.stream, said_goodbye=goodbye))

    def _welcome(self, stream: HandsetConnection) -> wire.Welcome:
        mine = stream.registration
        return wire.Welcome(new_id(), mine.phone_number, mine.generation, to_ms(self._deps.clock.now()))

    async def _read(self, stream: HandsetConnection, receive: Receive) -> int:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return message.get("code", NO_CODE)
            if not stream.closing:
                stream.frames_in += 1
                await self._understand(stream, message)

    async def _understand(self, stream: HandsetConnection, message: Message) -> None:
        data: str | None = message.get("text")
        if data is None:
            _spoilt(stream, None, InvalidInput("each frame must be a text frame that contains a JSON object"))
            return
        if _too_big(data):
            stream.close(1009, "a frame can have at most 16 KiB")
            return
        try:
            frame = wire.decode_frame(data)
        except InvalidInput as exc:
            _spoilt(stream, wire.frame_id(data), exc)
            return
        metrics.count_in(type(frame).__struct_config__.tag)
        try:
            await self._carry_out(stream, frame)
        except AppError as exc:
            stream.put(wire.encode(wire.failure(frame.id, exc)))
        except Exception:
            log.exception("handset_frame_failed", phone=shorten(stream.registration.phone_number))
            stream.put(wire.encode(wire.failure(frame.id, AppError("internal error"))))

    async def _carry_out(self, stream: HandsetConnection, frame: wire.HandsetFrame) -> None:
        match frame:
            case wire.AckFrame():
                await self._ack(stream, frame)
            case wire.SyncFrame():
                await self._sync(stream, frame)
            case wire.ResolveFrame():
                await self._resolve(stream, frame)
            case wire.CallFrame():
                await verbs.report_call(self._deps, stream.registration, frame)
                _received(stream, frame.id)
            case wire.CallMeBackFrame():
                with _traced(frame):
                    await verbs.call_me_back(self._deps, stream.registration, frame)
                _received(stream, frame.id)
            case wire.FeedbackFrame():
                with _traced(frame):
                    await verbs.answer(self._deps, stream.registration, frame)
                _received(stream, frame.id)
            case _:
                assert_never(frame)

    async def _ack(self, stream: HandsetConnection, frame: wire.AckFrame) -> None:
        """Answers the push that waits for it; without one, or without the fabric, writes it down itself."""
        key = verbs.own_key(stream.registration, frame.record)
        reply = stream.take_reply(key.token())
        if not (reply and self._deps.fabric.acknowledge(reply)):
            await personalisation.acknowledge(self._deps, [key])

    def _acknowledged(self, stream: HandsetConnection, data: bytes) -> bool:
        """The direct path of the most common frame, an acknowledgement for a waiting push; False: the normal path."""
        frame = None if stream.closing else wire.decode_ack(data)
        if frame is None or frame.record.receiver_number != stream.registration.phone_number:
            return False
        reply = stream.take_reply(frame.record.token())
        if not (reply and self._deps.fabric.acknowledge(reply)):
            return False
        stream.frames_in += 1
        metrics.ACKS_IN.add()
        return True

    async def _sync(self, stream: HandsetConnection, frame: wire.SyncFrame) -> None:
        cursor = await send_page(self._deps, stream, frame.held, frame.cursor)
        stream.put(wire.encode(wire.Synced(new_id(), frame.id, cursor)))
        metrics.count_out("synced")

    async def _resolve(self, stream: HandsetConnection, frame: wire.ResolveFrame) -> None:
        found = await verbs.resolve(self._deps, stream.registration, frame)
        answer = wire.Resolved(
            new_id(), frame.id, found.caller_number, found.identity, found.source, found.why, found.offers
        )
        stream.put(wire.encode(answer))
        metrics.count_out("resolved")


async def send_page(deps: Deps, stream: HandsetConnection, held: Collection[UUID], cursor: str | None) -> str | None:
    """Queues one page of a sync and settles what the handset holds of it; the cursor of the next page."""
    with stream.withdrawn_meanwhile() as meanwhile:
        page = await verbs.read_page(deps, stream.registration, held, cursor)
        _send_withdrawals(stream, page.withdrawn)  # first: what one of these superseded would be dropped as it comes
        for record in page.missing:
            if record.key.id not in meanwhile:
                stream.put(encode_identity(record, deps.public_url))
    metrics.IDENTITIES_OUT.add(len(page.missing))
    await personalisation.acknowledge(deps, page.held)
    return page.cursor


async def sync_whole(deps: Deps, stream: HandsetConnection) -> None:
    """Queues all that the handset may have missed: what is withdrawn, then what is open, whatever it holds of either.

    What it holds is known to it alone: it drops records, and its acknowledgements cross withdrawals on their way.
    """
    after: tuple[datetime, UUID] | None = None
    while not stream.closing:
        withdrawn = await verbs.read_withdrawn(deps, stream.registration, after)
        _send_withdrawals(stream, withdrawn)
        await stream.drained()
        if len(withdrawn) < verbs.PAGE:
            break
        after = withdrawn[-1].ends_at, withdrawn[-1].id
    cursor: str | None = None
    while not stream.closing:
        cursor = await send_page(deps, stream, (), cursor)
        await stream.drained()
        if cursor is None:
            return


def _send_withdrawals(stream: HandsetConnection, keys: Collection[RecordKey]) -> None:
    for key in keys:
        stream.put(encode_withdraw(key))
    metrics.WITHDRAWALS_OUT.inc(len(keys))


def _traced(frame: wire.CallMeBackFrame | wire.FeedbackFrame) -> AbstractContextManager[TracedSpan]:
    """A span, as requests have one; below that of the push whose `traceparent` the handset sends back."""
    name = type(frame).__struct_config__.tag
    return tracing.span(f"handset {name}", SpanKind.SERVER, parent=tracing.proper(frame.traceparent))


def _received(stream: HandsetConnection, frame_id: str) -> None:
    stream.put(wire.encode(wire.Received(new_id(), frame_id)))
    metrics.count_out("received")


def _offered_token(offered: Sequence[str]) -> str:
    """The token of a browser, which cannot set headers: it offers `callmark.v1` and `bearer.<token>` instead."""
    if SUBPROTOCOL not in offered:
        return ""
    return next((one.removeprefix(_BEARER) for one in offered if one.startswith(_BEARER)), "")


def _spoilt(stream: HandsetConnection, frame_id: str | None, error: InvalidInput) -> None:
    """Answers a frame that cannot be understood; the tenth ends the stream."""
    metrics.count_in("unknown")
    stream.faults += 1
    if stream.faults >= MOST_FAULTS:
        stream.close(4400, "too many frames could not be understood")
    else:
        stream.put(wire.encode(wire.failure(frame_id, error)))


def _too_big(data: str) -> bool:
    """Whether a frame is over the limit (a server that has the limit itself closes before we see it)."""
    return len(data) > wire.FRAME_BYTES or (
        len(data) * 4 > wire.FRAME_BYTES and len(data.encode("utf-8", "surrogatepass")) > wire.FRAME_BYTES
    )


async def _refuse(send: Send, code: int, reason: str) -> None:
    await send({"type": "websocket.close", "code": code, "reason": reason})
    metrics.count_ended(code)
    log.info("handset_stream_refused", code=code, reason=reason)


def _note(stream: HandsetConnection, code: int, seconds: float) -> None:
    metrics.count_ended(code)
    log.info(
        "handset_stream_ended",
        phone=shorten(stream.registration.phone_number),
        generation=stream.registration.generation,
        stream=stream.stream,
        code=code,
        reason=stream.closing[1] if stream.closing else "",
        seconds=round(seconds, 3),
        frames_in=stream.frames_in,
        frames_out=stream.frames_out,
    )
