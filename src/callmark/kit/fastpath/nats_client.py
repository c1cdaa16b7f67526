"""nats-py's client with a reader that survives, and one write for what a turn of the event loop publishes.

It needs a few names that nats-py does not promise; tests/kit/fabric/test_client.py would notice a change.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any
from urllib.parse import unquote

from nats.aio.client import DEFAULT_BUFFER_SIZE, Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError

from callmark.kit.errors import said
from callmark.kit.fabric.rights import Rights
from callmark.kit.fabric.servers import NO_FILES, NatsAccess
from callmark.kit.fabric.shared_rounds import SharedRounds
from callmark.kit.fabric.unconfirmed_numbers import UnconfirmedNumbers
from callmark.kit.fastpath.nats_messages import DirectParser
from callmark.kit.fastpath.nats_signing import SigningClient

_QUOTE = "'"
_ENDED = "nats: the connection ended"
ROUND_TRIP_WITHIN_S = 2.0


class SteadyTransport(TcpTransport):
    """A connection that has ended is a ConnectionError under every event loop: uvloop's is a RuntimeError.

    asyncio's differ by the version of Python: `writelines` of 3.12 calls None on a connection that was cut, and a TLS
    connection that was closed twice cannot be cut with Debian's 3.11.2.
    """

    def write(self, payload: bytes) -> None:
        """Sends it. Raises ConnectionError."""
        with _ended():
            super().write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        """Sends all of them. Raises ConnectionError."""
        self.write(b"".join(payload))

    def close(self) -> None:
        """Ends the connection when all is sent, unless it is ending."""
        if self._io_writer is not None and not self._io_writer.transport.is_closing():
            super().close()

    def cut(self) -> None:
        """Ends the connection at once; what was not sent yet is not sent."""
        if self._io_writer is not None:
            self._io_writer.transport.abort()


@contextlib.contextmanager
def _ended() -> Generator[None]:
    try:
        yield
    except RuntimeError as exc:
        raise ConnectionResetError(str(exc)) from exc


class SteadyClient(SigningClient):
    """nats-py's client, which hands on direct subscriptions' messages, with eight differences.

    - It decodes user and password of an address: nats-py sends them as they are written, so none with a # or / fits.
    - It tries again whatever ended a try to come back, and whatever ended the tasks that read and ping. nats-py
      foresees few errors there; after any other it has no connection, or a dead one, and never makes another.
    - Its reader survives a flush given up. nats-py leaves the future of such a flush in line, and the PONG that comes
      for it at last raises in the reader. That ends, and the connection hears nothing more, yet counts as good until
      its pings are missed: seconds in which every push of this process fails.
    - It leaves a server at once that stops responding: nats-py waits for its answer to the end of TLS, for half a
      minute.
    - It connects again after any error that a server names before it hangs up (it is full, the user's rights were read
      again, its token has ended); nats-py takes most of them as the end.
    - It speaks TLS where that was asked for, or not at all; nats-py sends the password to a server that offers none.
    - A round trip ends with its connection, and those that wait at once share one (`until_in_force`). nats-py's flush
      waits until its time is up, and returns as if all were well when it begins while there is no connection.
    - Once closed it makes no connection. nats-py cancels the task that connects, and `asyncio.wait_for` loses a
      cancellation that comes together with what it waits for (until Python 3.12): the task would try without end.
    """

    def __init__(self, access: NatsAccess = NO_FILES, unconfirmed: UnconfirmedNumbers | None = None) -> None:
        super().__init__()
        self._ps = DirectParser(self, self._subs)
        self._access = access
        self.unconfirmed = unconfirmed or UnconfirmedNumbers()
        self._rounds = SharedRounds(self._round_trips)
        self._pong: asyncio.Future[bool] | None = None
        self._closed_for_good = False
        self.rights = Rights()

    def write(self, message: bytes) -> None:
        """Sends what is ready to be sent, before anything that waits in nats-py. Raises OSError."""
        if self._transport is None:
            raise ConnectionResetError("nats: no connection")
        self._transport.write(message)

    async def until_in_force(self, subject: str = "", since: int = 0) -> None:
        """Returns when the server has the subscriptions made before.

        Raises NatsError or OSError as soon as the connection ends, TimeoutError when no answer comes in time. Raises
        NatsError if it has refused `subject`, after the first `since` of its refusals; without one, any of them.
        """
        await self._rounds.next()
        self.rights.check([subject] if subject else self._subscribed(), since=since)

    async def prove(self, probes: Sequence[str]) -> None:
        """Publishes to `probes` and asks again for the subscriptions that were refused. Raises as `until_in_force`."""
        if not self.is_connected:
            raise NatsError(_ENDED)
        since, subscriptions = self.rights.count, vars(self)["_subs"]
        again = {sid: one.subject for sid, one in subscriptions.items() if self.rights.is_refused(one.subject)}
        self.rights.probes(probes)
        lines = [f"SUB {subject} {sid}" for sid, subject in again.items()] + [f"PUB {one} 0\r\n" for one in probes]
        self.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._rounds.next()
        try:
            self.rights.check([again[sid] for sid in again if sid in subscriptions], probes, since)
        finally:
            self.rights.settle(self._subscribed(), since)

    def _subscribed(self) -> list[str]:
        return [one.subject for one in self._subs.values()]

    async def _round_trips(self) -> None:
        for _ in range(2):  # a PING is written at once, but the SUB before it by another task, which may come later
            if not self.is_connected:
                raise NatsError(_ENDED)
            self._pong = asyncio.get_running_loop().create_future()
            try:
                await self._send_ping(self._pong)
                async with asyncio.timeout(ROUND_TRIP_WITHIN_S):
                    await self._pong
            finally:
                self._pong = None

    def _end_round_trip(self, cause: Exception) -> None:
        if self._pong and not self._pong.done():
            self._pong.set_exception(cause)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        self._end_round_trip(NatsError("nats: the connection was closed"))
        self._closed_for_good = self._closed_for_good or status == Client.CLOSED
        if self._flush_queue is not None:  # else `connect` has refused what it was given, and nothing was begun
            await super()._close(status, do_cbs)

    def _setup_server_pool(self, connect_url: list[str]) -> None:
        super()._setup_server_pool(connect_url)
        for server in self._server_pool:
            user, at, host = server.uri.netloc.rpartition("@")
            server.uri = server.uri._replace(netloc=f"{unquote(user)}{at}{host}")

    def _end_when_closed(self) -> None:
        """Ends the task that connects, if the client was closed meanwhile."""
        if self._closed_for_good:
            self._hang_up()
            self._status = Client.CLOSED
            raise asyncio.CancelledError

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """Made for each connection, so that new certificates are found."""
        return self._access.tls_context()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        wanted = self._access.ca or (self._current_server and self._current_server.uri.scheme == "tls")
        if initial_connection and wanted and not info.get("tls_required"):
            raise NatsError("nats: the server does not offer TLS")
        await super()._process_info(info, initial_connection)

    async def _process_err(self, err_msg: str) -> None:
        text = err_msg.strip(_QUOTE)
        if "permissions violation" in text.lower():
            self.rights.refused(text)
        if self.is_connected and "permissions violation" not in text.lower():
            await self._process_op_err(NatsError(f"nats: {text}"))
        else:
            await super()._process_err(err_msg)

    async def _process_op_err(self, e: Exception) -> None:
        if not self.is_closed and not self.is_reconnecting:
            self._hang_up()
            self._end_round_trip(_foreseen(e))
        await super()._process_op_err(e)

    async def _connect_to_server(self, s: Srv) -> None:
        self._end_when_closed()
        self.rights.forget()
        self._hang_up()  # nats-py drops a connection that it could not complete, and leaves it open
        s.last_attempt = time.monotonic()
        transport = SteadyTransport()
        await transport.connect(s.uri, buffer_size=DEFAULT_BUFFER_SIZE, connect_timeout=self.options["connect_timeout"])
        self._transport = transport

    async def _process_connect_init(self) -> None:
        await super()._process_connect_init()
        if self._closed_for_good:
            for name in ("_reading_task", "_ping_interval_task", "_flusher_task"):
                vars(self)[name].cancel()
        self._end_when_closed()

    async def _attempt_reconnect(self) -> None:
        while True:
            try:
                await super()._attempt_reconnect()
            except Exception as exc:  # noqa: BLE001 - or this process would be without NATS until it is started again
                await self._error_cb(_foreseen(exc))
                self._hang_up()
                self._status = Client.RECONNECTING
                await asyncio.sleep(self.options["reconnect_time_wait"])
            else:
                return

    async def _read_loop(self) -> None:
        await self._watched(super()._read_loop())

    async def _ping_interval(self) -> None:
        await self._watched(super()._ping_interval())

    async def _watched(self, loop: Coroutine[Any, Any, None]) -> None:
        """Runs a task of the connection; when it has ended, and nobody noticed, the connection has too."""
        cause: Exception = NatsError(_ENDED)
        try:
            await loop
        except Exception as exc:  # noqa: BLE001 - as above
            cause = _foreseen(exc)
        tasks: list[Any] = [vars(self)["_reading_task"], vars(self)["_ping_interval_task"]]
        if self.is_connected and asyncio.current_task() in tasks:
            await self._process_op_err(cause)

    def _hang_up(self) -> None:
        """Cuts the connection, if there is one."""
        if isinstance(self._transport, SteadyTransport):
            self._transport.cut()

    async def _send_ping(self, future: "asyncio.Future[Any] | None" = None) -> None:
        self.unconfirmed.asked()
        await super()._send_ping(future)  # pyright: ignore[reportUnknownMemberType] - a bare Future in it

    async def _process_pong(self) -> None:
        self.unconfirmed.answered()
        line: list[Any] = vars(self)["_pongs"]  # an untyped list in nats-py
        if line and line[0].done():
            line[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()


def _foreseen(exc: Exception) -> Exception:
    """An error of the kinds that a `Fabric` takes for a lost connection, in place of any other."""
    return exc if isinstance(exc, NatsError | OSError | asyncio.TimeoutError) else NatsError(f"nats: {said(exc)}")


async def subscribe(client: Client, subject: str, on_message: Callable[[Msg], Awaitable[None]]) -> Subscription:
    """A subscription whose messages wait in a queue and are handled one after the other, by a task."""
    return await client.subscribe(subject, cb=on_message)  # pyright: ignore[reportUnknownMemberType] - a bare Future in it


class Outbox:
    """What one turn of the event loop publishes, for one write. Lost, as all that is under way, when NATS is.

    The numbers of the handsets that it was for go to the client's `UnconfirmedNumbers`.
    """

    def __init__(self, client: SteadyClient) -> None:
        self.use(client)
        self._waiting: list[bytes] = []
        self._numbers: list[str] = []

    def use(self, client: SteadyClient) -> None:
        """Writes to this connection from now on."""
        self._client = client

    def publish(self, subject: str, payload: bytes, reply: str = "", numbers: Sequence[str] = ()) -> None:
        """Takes a message along. We make the subjects, so they are not checked here."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting += (f"PUB {subject} {reply} {len(payload)}\r\n".encode(), payload, b"\r\n")
        self._numbers += numbers

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        numbers, self._numbers = self._numbers, []
        if self._client.is_connected:
            with contextlib.suppress(OSError):  # it has ended, and the client has not heard of it yet
                self._client.write(b"".join(waiting))
                self._client.unconfirmed.wrote(numbers)
                return
        self._client.unconfirmed.missed(numbers)
