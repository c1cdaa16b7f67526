"""HTTP/1.1 as the servers of a process speak it: uvicorn's protocol, with what a public port needs beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, cast
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from callmark.kit.errors import AppError, InvalidInput, RequestTimedOut, Unavailable
from callmark.kit.fastpath import heads
from callmark.kit.fastpath.drain import Drain
from callmark.kit.fastpath.one_write import OneWrite
from callmark.kit.fastpath.refusals import RenderRefusal, written
from callmark.kit.fastpath.websockets import WebSocketProtocol
from callmark.kit.telemetry.metrics import counter

log = structlog.get_logger(__name__)

LARGEST_HEAD_BYTES = 65_536
"""What has to be read of a request before its headers are complete; a longer head is refused."""

HEAD_WITHIN_S = 20.0
"""How long a connection may take to a request's whole head, from its opening or from the head's first byte."""

BODY_SILENT_S = 60.0
"""How long `SLOWEST_BODY_BYTES` of a request's body, or the rest of it, may take."""

SLOWEST_BODY_BYTES = 30_000
"""A client that sends a byte now and then would hold its connection for as long as it likes."""

_REFUSED = counter(
    "callmark_connections_refused_total", "Connections refused because the process had as many open as it may have."
)
_TOO_LONG = f"request head is larger than {LARGEST_HEAD_BYTES} bytes"
_OF_A_BODY = {b"content-length", b"transfer-encoding"}


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, with these differences.

    - The application may cut the connection without an answer, as the emulator's sinks do.
    - It may ask whether the client has gone (`is_gone`), because what is sent then is dropped without a word.
    - It may ask to hear that the server stops (`on_shutdown`, `is_stopping`), for answers that wait or have no end.
    - What is no HTTP gets the error envelope too (contract D42: every error of any kind is JSON).
    - A head that never ends is refused.
    - An answer leaves in one write, and to HTTP/1.0 without chunks.
    - A request without one `Host` is refused: two readers may take two different ones (RFC 9112, 3.2).
    - A refusal comes in its turn, behind the answers to the requests before it.
    - A connection beyond the most that may be open is refused, so that files are left for those to the engines.
    - A connection on which nothing comes is closed, before a request, within its head and within its body.
    - A request for a protocol we do not speak keeps its body: the parser takes it for other requests (RFC 9110, 7.8).
    - White space behind a header's value is no part of it (RFC 9112, 5.1).
    - A client that only sends no more is still answered.
    - A method that the parser does not know is left to the application.
    - What fails on our side while a request is read is no fault of the request.
    - An answer that leaves before its request is whole, or a refusal, is the last on its connection, which is closed
      only when no more comes (`Drain`).
    """

    _is_stopping = False

    def __init__(
        self,
        *args: Any,
        render_refusal: RenderRefusal,
        most_connections: int,
        head_within_s: float,
        body_silent_s: float,
        drain_silent_s: float,
        streams: Collection[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._render_refusal = render_refusal
        self._most_connections = most_connections
        self._head_within_s = head_within_s
        self._body_silent_s = body_silent_s
        self._drain_silent_s = drain_silent_s
        self._streams = streams
        """The paths that may become WebSockets; None for any."""
        self._head_bytes: int | None = None
        """Bytes read of a head that is not complete, with what came before it at once; None outside of one."""
        self._others_bytes = 0
        """The part of these that may be of the requests before it."""
        self._ends_within = False
        """Whether a request has ended within the bytes that came last."""
        self._in_body = False
        self._body_bytes = 0
        """Of a body, since its time limit began."""
        self._may_be_too_long = False
        """Whether a head that ends within the bytes that came last can be longer than is allowed."""
        self.answering: Any = None
        """The request that is being answered, or was last; None before the first. `cycle` is the newest that came."""
        self._sends_no_more = False
        self._drain: Drain | None = None
        """What has taken the connection over behind its last answer."""
        self._timer: asyncio.TimerHandle | None = None
        self._ignores_upgrade = False
        """Whether the head that is being parsed asks for another protocol, in vain."""
        self._waiting_refusal: AppError | None = None
        """Of a request behind one that has not been answered yet."""

    # what comes -------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected; its first request is waited for."""
        super().connection_made(transport)
        if len(self.connections) > self._most_connections:
            _REFUSED.inc()
            self._write_refusal(Unavailable("this process has as many connections as it may have open"))
            transport.close()  # at once: each that waits for its client would be one more
            return
        self._wait(self._head_within_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: the answer under way hears it. uvicorn tells the newest request, which may wait."""
        self._wait(None)
        self._unset_keepalive_if_required()  # which uvicorn leaves after a reset, for as long as it is
        super().connection_lost(exc)
        self._give_answer_up()
        self._drain = None
        for cycle in filter(None, (self.cycle, self.answering)):
            cycle.transport = self.transport  # so that nothing leads in a circle; nothing is written any longer

    def _give_answer_up(self) -> None:
        if self.answering and not self.answering.response_complete:
            self.answering.scope["extensions"]["callmark.connection"]["is_gone"] = True
            self.answering.disconnected = True
            self.answering.message_event.set()

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - as asyncio's own
        """The client sends no more. Whether it is answered nevertheless, and the connection closed only then.

        That is no sign that it wants no answer (RFC 9112, 9.6), but it may have left, too: then the first write finds
        out. So an answer that waits for as long as its client is there (`is_watched`) takes it for one that has left,
        with what it sent behind that, and one that has yet to wait need not (`is_half_closed`). What is not whole is
        given up; what is, is carried out, also for one that has left.
        """
        self._wait(None)
        is_cut = self._in_body and not self._waiting_refusal
        if is_cut and self.pipeline:
            self.pipeline.popleft()
            is_cut = False
        if is_cut or not self.answering or self.answering.response_complete:
            if self.answering:
                self.answering.transport.write_head()  # of a HEAD that was answered in this turn
            return False
        self._sends_no_more = True
        wanted: list[Any] = [*(cycle for cycle, _ in self.pipeline), self.answering]
        for cycle in wanted:
            cycle.scope["extensions"]["callmark.connection"]["is_half_closed"] = True
        if not self._waiting_refusal:  # which closes
            wanted[0].keep_alive = False
        return not self.answering.scope["extensions"]["callmark.connection"].get("is_watched")

    def on_message_begin(self) -> None:
        """A request begins: its scope is made."""
        super().on_message_begin()
        self.scope["extensions"] = {"callmark.connection": {"cut": self.transport.abort}}
        self._head_bytes, self._ignores_upgrade = 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of a head has been read."""
        super().on_header(name, value.rstrip(b" \t"))  # the parser takes away what is before the value

    def on_headers_complete(self) -> None:
        """The head is complete: the application is called. Raises RefusedHeadError."""
        self._head_bytes = None
        if (version := self.parser.get_http_version()) != "1.1":
            self.scope["http_version"] = version
            self.expect_100_continue = False  # it would not know the answer (RFC 9110, 10.1.1)
        self._check_upgrade()
        if self._ignores_upgrade:
            return
        heads.check_host(self.headers, version)
        if self._may_be_too_long and self._head_size() > LARGEST_HEAD_BYTES:
            raise heads.RefusedHeadError(_TOO_LONG)
        before = self.cycle
        try:
            super().on_headers_complete()
        finally:
            self._in_body = self.cycle is not before
        if self._in_body:
            self.cycle.transport = cast("asyncio.Transport", OneWrite(self))  # all that is used of one

    def on_message_complete(self) -> None:
        """The body is complete. The application may act on it before it would otherwise read it."""
        self._ends_within = True
        if self._ignores_upgrade:
            return
        self.scope["extensions"]["callmark.connection"]["is_whole"] = True  # pyright: ignore[reportTypedDictNotRequiredAccess] - set when it began
        super().on_message_complete()
        self._in_body = False

    def data_received(self, data: bytes) -> None:
        """More of what the client sends."""
        if self._waiting_refusal:
            return
        in_head, self._ends_within = self._head_bytes is not None, False
        self._may_be_too_long = (self._head_bytes or 0) + len(data) > LARGEST_HEAD_BYTES
        self._parse(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        self._body_bytes += len(data)
        self._wait_on(in_head=in_head)
        if self._head_bytes is None:
            return
        self._head_bytes += len(data)
        if self._ends_within or not in_head:
            self._others_bytes = len(data) if self._ends_within else 0
        if self._head_bytes - self._others_bytes > LARGEST_HEAD_BYTES:
            self._refuse_in_turn(InvalidInput(_TOO_LONG))

    def shutdown(self) -> None:
        """The server stops: an answer that waits or has no end hears it, so that it ends."""
        self._is_stopping = True
        if self._drain:
            self._drain.hurry()
            return
        super().shutdown()
        if self.answering and not self.answering.response_complete:
            connection = self.answering.scope["extensions"]["callmark.connection"]
            connection["is_stopping"] = True  # for one that only begins to wait
            connection.get("on_shutdown", _nothing)()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket's, which has time limits of its own; a head that it cannot read is refused."""
        self._wait(None)
        super().handle_websocket_upgrade()
        if cast("WebSocketProtocol", self.transport.get_protocol()).gives_back_to(self):
            self._refuse(InvalidInput("the handshake has more than 128 headers or a line of more than 8192 bytes"))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text, which it has logged
        """Refuses what could not be parsed."""
        self._refuse_in_turn(InvalidInput("request is not valid HTTP"))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Awaitable[None]]) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer has left: the next one's turn."""
        answers_more = bool(self.pipeline)
        if self._drain:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._waiting_refusal and not answers_more and not self.transport.is_closing():
            self.loop.call_soon(self._refuse, self._waiting_refusal)  # a head without a body leaves at the turn's end

    def _parse(self, data: bytes) -> None:
        """uvicorn's, but for an upgrade that is not taken."""
        self._unset_keepalive_if_required()
        try:
            waiting = self._feed(data)
            while waiting:
                waiting += self._feed(waiting.pop())
        except httptools.HttpParserError as exc:
            error = exc
        else:
            return
        self._refuse_unparsed(data, error)  # not while it is handled: what is parsed then would have it as its context

    def _refuse_unparsed(self, data: bytes, error: httptools.HttpParserError) -> None:
        if failure := heads.failure_of(error):
            log.error("request_not_read", exc_info=failure)
            short = isinstance(failure, MemoryError)
            self._refuse_in_turn(Unavailable("no memory is left") if short else AppError("internal error"))
        elif isinstance(error.__context__, heads.RefusedHeadError):
            self._refuse_in_turn(InvalidInput(str(error.__context__)))
        elif (
            self._head_bytes == 0  # it began in `data`
            and not self._ends_within  # and nothing before it
            and (renamed := heads.without_unknown_method(data, error))
        ):
            method, data = renamed
            self._parse_anew(heads.Renamed(self, method))
            self._parse(data)
        else:
            self.send_400_response("")

    def _parse_anew(self, called: object) -> None:
        self.parser = httptools.HttpRequestParser(called)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's first

    def _feed(self, data: bytes | memoryview) -> list[bytes | memoryview]:
        """Parses `data` up to an upgrade that is not taken. What is left to be parsed, the next last."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            if self._ignores_upgrade:
                head = heads.without_upgrade(
                    self.parser.get_method(), self.url, self.scope["http_version"], self.headers
                )
                self._parse_anew(self)
                return [memoryview(data)[exc.args[0] :], head]
            self.handle_websocket_upgrade()
        return []

    def _should_upgrade(self) -> bool:
        """To a WebSocket where there is one, without a body, on a connection where nothing else is being answered."""
        is_free = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] - None before the first
        has_body = any(name in _OF_A_BODY and value != b"0" for name, value in self.headers)
        if not is_free or has_body or self.parser.get_method() != b"GET" or not super()._should_upgrade():
            return False
        return self._streams is None or unquote(httptools.parse_url(self.url).path) in self._streams

    def _check_upgrade(self) -> None:
        if not self.parser.should_upgrade():
            return
        if self.parser.get_method() == b"CONNECT":
            raise heads.RefusedHeadError("CONNECT is not supported")
        self._ignores_upgrade = not self._should_upgrade()

    def _head_size(self) -> int:
        """At least: without the spaces and line ends that a client chose."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    # what does not come -----------------------------------------------------------------------------------------------

    def _wait_on(self, *, in_head: bool) -> None:
        """Sets the time limit of what has to come next; a head that was begun before keeps the one it has."""
        if self._head_bytes is not None:
            if not (in_head and self._timer):
                self._wait(self._head_within_s)
        elif self._in_body:
            if in_head or self._body_bytes >= SLOWEST_BODY_BYTES or not self._timer:
                self._wait(self._body_silent_s)
        elif self.cycle.response_complete:  # empty lines behind it
            self._wait(self.timeout_keep_alive)
        else:
            self._wait(None)  # for the application; afterwards uvicorn's keep-alive limit holds

    def _wait(self, seconds: float | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._body_bytes = 0
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_body and self.flow.read_paused:  # it is we who do not read
            self._wait(self._body_silent_s)
        elif self._head_bytes is not None or (self._in_body and not self.cycle.response_started):
            self._refuse_in_turn(RequestTimedOut())
        else:
            self.transport.close()

    def _refuse_in_turn(self, error: AppError) -> None:
        """Refuses a request once those before it have been answered: the client would take it for their answer."""
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # the request itself, which has not begun
        elif self._in_body or not self.cycle or self.cycle.response_complete:
            self._refuse(error)
            return
        self._waiting_refusal = error
        self._wait(None)
        self.flow.pause_reading()

    def _refuse(self, error: AppError) -> None:
        if self._drain or self.transport.is_closing():
            return
        if self.answering:
            self.answering.transport.write_head()  # of a HEAD that was answered in this turn
        if not self.answering or self.answering.response_complete or not self.answering.response_started:
            self._write_refusal(error)  # else its client would take it for a part of the answer
        self._end(is_more_expected=True)

    def _write_refusal(self, error: AppError) -> None:
        self.transport.write(written(self._render_refusal(error), self.server_state.default_headers))

    # the end ----------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Closes the connection behind its last answer."""
        self._end(is_more_expected=self._in_body or self._head_bytes is not None or bool(self.pipeline))

    def _end(self, *, is_more_expected: bool) -> None:
        if self._drain or self.transport.is_closing():
            return
        is_cut_off = self.answering and self.answering.transport.is_cut_off()  # a drain would end it in good order
        if is_cut_off or self._sends_no_more or not (is_more_expected or self._waiting_refusal):
            self.transport.close()
            return
        self._wait(None)
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        self._drain = Drain(self.transport, self._drain_silent_s, is_stopping=self._is_stopping)
        self._give_answer_up()


def _nothing() -> None:
    """Most answers end by themselves."""
