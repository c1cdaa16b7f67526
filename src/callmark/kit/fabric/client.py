"""The push fabric over NATS: reach a connected handset now, or learn at once that it is not connected.

Nothing is kept in NATS. A gateway subscribes to `cm.<installation>.handset.<digits>` while that handset's socket is
open. A sender publishes each record with its own reply subject under one wildcard subscription; the first answer
is the acknowledgement, NATS' own "no responders" says that no gateway holds that handset, silence lasts until the
deadline. The record's id is the last token of the reply subject, so that neither side decodes a payload on the way.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError, NoRespondersError

from callmark.kit.errors import Unavailable, said
from callmark.kit.fabric.acknowledgements import PROBES, Acknowledgements, key_in, keys_in, new_inbox
from callmark.kit.fabric.fanout import Answer, Fanouts, Push, Quiet, Returning, instant_in
from callmark.kit.fabric.held_streams import HeldStreams, OnPush
from callmark.kit.fabric.servers import NO_FILES, NatsAccess, seeds, version_of
from callmark.kit.fabric.trouble import Trouble, why
from callmark.kit.fabric.unconfirmed_numbers import MISSED, UnconfirmedNumbers
from callmark.kit.fastpath.nats_client import Outbox, SteadyClient, subscribe
from callmark.kit.fastpath.nats_messages import Take, subscribe_directly
from callmark.kit.ids import new_id
from callmark.kit.tasks import SideTasks, end, ends_within
from callmark.kit.telemetry.metrics import NATS_RECONNECTS

log = structlog.get_logger(__name__)

RESETTLE_S = 2
"""After NATS came back: how long senders give gateways to subscribe again."""

PING_EVERY_S, MOST_UNANSWERED = 1, 3
"""A server that stops responding is left after four seconds: before the deadline of a bulk push."""
_FAILED = (NatsError, OSError, asyncio.TimeoutError)

_HERE = b"+"  # what answers an empty payload to a handset's subject: its stream is open

OnKey = Callable[[str], Coroutine[Any, Any, None]]
"""A callback for an acknowledgement for which no push waits: the record's key."""

OnMessage = Callable[[bytes], Awaitable[bytes | None]]
"""A listener's callback: the message; what it returns is the reply, where one is asked for."""

Attachment = Subscription
"""One handset's subscription."""


class Fabric:
    """One process's connection to NATS."""

    def __init__(self, url: str, installation: UUID, *, access: NatsAccess = NO_FILES, name: str = "callmark") -> None:
        self._url, self._access, self._name = url, access, name
        self._root = f"cm.{installation.hex}"
        self._unconfirmed = UnconfirmedNumbers()
        self._client = SteadyClient(access, self._unconfirmed)
        self._outbox = Outbox(self._client)
        self._inbox = new_inbox()
        self._acknowledgements = Acknowledgements(self._inbox, self._outbox.publish)
        self._joined = self._closed = False
        self._fanouts = Fanouts()
        self.held = HeldStreams()
        self._on_late: OnKey = _ignore
        self._on_reconnect: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._listeners: list[tuple[str, OnMessage]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._side = SideTasks("fabric_callback_failed")
        self._settled_from, self._trouble = 0.0, Trouble()

    # life -----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Starts to connect and keeps trying without end; returns once connected or after two seconds without.

        Raises SetupError for files that cannot be used.
        """
        self._access.check()
        self._connecting = asyncio.create_task(self._connect())
        await asyncio.wait({self._connecting}, timeout=2)
        if not self.connected:
            log.warning("nats_not_reached", error=self._trouble.text)

    async def close(self) -> None:
        """Closes the connection; pushes under way end as FABRIC_LOST."""
        self._closed = True
        await self._side.end()
        if self._connecting:
            with contextlib.suppress(*_FAILED):
                await ends_within(self._client.close(), 1)  # before what connects it is cancelled, or it stays open
            await end([self._connecting])
        await self._side.end()  # what came until the connection had ended
        self._fanouts.lose_all()

    @property
    def connected(self) -> bool:
        """Whether a push can be sent at this moment."""
        return self._joined and self._client.is_connected

    @property
    def trouble(self) -> str:
        """Why there is no connection, as the last try to make one ended; empty while there is one."""
        return "" if self.connected else self._trouble.text

    async def round_trip(self, within_s: float) -> None:
        """Returns when the server has answered, and lets us publish and hear. Raises Unavailable when not, in time."""
        if not self.connected:
            raise Unavailable(f"nats: not connected: {self._trouble.text}")
        try:
            async with asyncio.timeout(within_s):
                await self._client.prove((f"{self._root}.ready", *PROBES))
        except _FAILED as exc:
            raise Unavailable("nats: no answer in time" if isinstance(exc, TimeoutError) else why(exc)) from exc

    @property
    def server(self) -> str:
        """Host and port of the connected server, empty while there is none."""
        url = self._client.connected_url if self.connected else None
        return url.netloc.rpartition("@")[2] if url else ""

    @property
    def server_version(self) -> tuple[int, ...]:
        """The connected server's version, empty while there is none."""
        return version_of(str(self._client.connected_server_version)) if self.connected else ()

    @property
    def settled(self) -> bool:
        """Connected, and for two seconds if NATS had been lost: gateways that lost it with us have come back too."""
        return self.connected and asyncio.get_running_loop().time() >= self._settled_from

    def on_reconnect(self, callback: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`callback` runs after each reconnection (a gateway syncs its handsets again)."""
        self._on_reconnect.append(callback)

    def on_late_acknowledgement(self, callback: OnKey) -> None:
        """`callback` gets the key of each acknowledgement that no push waits for.

        This process sent the push and had given it up, or its gateway acknowledged and the sender has gone, says NATS.
        """
        self._on_late = callback

    async def _connect(self) -> None:
        while not (self._joined or self._closed):
            try:
                await self._client.connect(
                    seeds(self._url),
                    name=self._name,
                    **self._access.options(),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # pyright: ignore[reportArgumentType] - seconds, given to asyncio.sleep
                    connect_timeout=2,
                    ping_interval=PING_EVERY_S,
                    max_outstanding_pings=MOST_UNANSWERED,
                    pending_size=0,  # while disconnected a publish fails at once: nothing is sent stale
                    error_cb=self._on_error,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                )
                await subscribe_directly(self._client, f"{self._inbox}.>", self._answered)
                subscribed = 0
                while not self._joined:
                    for listener in self._listeners[subscribed:]:
                        await self._subscribe(*listener)
                        subscribed += 1
                    await self._client.until_in_force()
                    self._joined = subscribed == len(self._listeners)  # more may have been added meanwhile
                self._settled_from = min(self._settled_from, asyncio.get_running_loop().time() + RESETTLE_S)
                self._trouble.is_over(self.server)
                self._announce_unconfirmed()
            except Exception as exc:  # noqa: BLE001 - whatever it is, without a log line no one learns why everything waits
                self._trouble.note(exc)
                with contextlib.suppress(Exception):  # however it ends, there is another
                    await self._client.close()
                self._client = SteadyClient(self._access, self._unconfirmed)
                self._outbox.use(self._client)
                await asyncio.sleep(0.5)

    async def _disconnected(self) -> None:
        if not self._client.is_closed:
            self._trouble.lost()
        self._settled_from = math.inf  # it counts as connected a moment before `_reconnected` hears of it
        self._unconfirmed.lost()
        self._fanouts.lose_all()

    async def _reconnected(self) -> None:
        self._trouble.is_over(self.server)
        NATS_RECONNECTS.inc()
        self._settled_from = asyncio.get_running_loop().time() + RESETTLE_S
        for callback in self._on_reconnect:  # apart: a callback that fails must not look like a failed reconnection
            self._side.start(callback())
        self._announce_unconfirmed()

    def _announce_unconfirmed(self) -> None:
        for message, numbers in self._unconfirmed.announcements():
            self._outbox.publish(f"{self._root}.{MISSED}", message, numbers=numbers)

    async def _on_error(self, exc: Exception) -> None:
        if not isinstance(exc, _FAILED):  # a callback of ours failed
            log.error("fabric_callback_failed", exc_info=exc)
        elif self.connected:
            self._trouble.beside(exc)
        else:
            self._trouble.note(exc)

    # senders --------------------------------------------------------------------------------------------------------

    def push(
        self, pushes: Sequence[Push], within: timedelta, returning: Returning | None = None, quiet: Quiet | None = None
    ) -> AsyncGenerator[list[tuple[int, Answer]]]:
        """Sends all, then yields (position in `pushes`, answer) in groups as answers come, until each has one.

        After `within` what is still open is SILENT. Without a connection all are FABRIC_LOST at once. `returning` says
        which handsets that are not connected are expected back: theirs are sent again until then.
        """
        return self._fanouts.run(pushes, instant_in(within), self._send, returning, quiet)

    async def push_one(
        self, push: Push, within: timedelta, returning: Returning | None = None, quiet: Quiet | None = None
    ) -> Answer:
        """As `push`, for one: its answer."""
        return await self._fanouts.run_one(push, instant_in(within), self._send, returning, quiet)

    def _send(self, pushes: Sequence[Push]) -> None:
        if not self.connected:
            self._unconfirmed.missed([push.number for push in pushes])
            self._fanouts.lose(pushes)
            return
        for push in pushes:
            reply = f"{self._inbox}.p.{push.key}"
            if not (push.stream and self.held.hand_over(push, reply)):
                self._outbox.publish(f"{self._root}.handset.{push.number}", push.payload, reply, (push.number,))

    def push_again(self, push: Push) -> None:
        """Sends a push once more, to every stream of its handset; nobody waits for the answer."""
        self._send([push._replace(stream="")])

    def _answered(self, subject: str, _reply: str, payload: bytes | None) -> None:
        kind, _, key = subject[len(self._inbox) + 1 :].partition(".")
        if payload is not None:
            self._acknowledged(keys_in(payload))
        elif kind == "p":
            self._fanouts.settle(key, Answer.NOT_CONNECTED)
        else:  # our gateway's acknowledgements found their sender gone
            self._come_late(self._acknowledgements.not_taken(key))

    def _acknowledged(self, keys: Sequence[str]) -> None:
        self._come_late([key for key in keys if not self._fanouts.settle(key, Answer.ACKNOWLEDGED)])

    def _come_late(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._side.start(self._on_late(key))

    # gateways ---------------------------------------------------------------------------------------------------------

    async def attach(self, number: str, on_push: OnPush) -> Subscription:
        """Subscribes to one handset's pushes, as `follow`."""

        def receive(_subject: str, reply: str, payload: bytes | None) -> None:
            if not payload:  # not for the handset: `is_connected` asks
                if reply:
                    self._outbox.publish(reply, _HERE)
                return
            on_push(key_in(reply), reply, payload)

        return await self.follow(f"handset.{number}", receive)

    async def follow(self, topic: str, take: Take) -> Subscription:
        """Subscribes for a while; on return it is in force at the server. To be ended by `detach`. Raises Unavailable.

        `take` must not block.
        """
        if not self.connected:
            raise Unavailable("nats: not connected")
        client, subscription, subject = self._client, None, f"{self._root}.{topic}"  # another may take its place
        since = client.rights.count
        try:
            subscription = await subscribe_directly(client, subject, take)
            await client.until_in_force(subject, since)
        except (*_FAILED, asyncio.CancelledError) as exc:
            if subscription:  # else it would be taken up again when NATS is back, for one that has gone
                await self.detach(subscription)
            if isinstance(exc, asyncio.CancelledError):  # it was given up meanwhile
                raise
            raise Unavailable(why(exc)) from exc
        return subscription

    async def detach(self, subscription: Subscription) -> None:
        """Ends a subscription; pushes that come later find no responder."""
        with contextlib.suppress(*_FAILED):
            await subscription.unsubscribe()

    def acknowledge(self, reply: str) -> bool:
        """Answers a push. False when the fabric is lost: the caller then writes the acknowledgement down itself.

        A sender that has gone is noticed by NATS, see `on_late_acknowledgement`.
        """
        if not self.connected:
            return False
        inbox, _, key = reply.partition(".p.")
        if inbox == self._inbox:  # this process sent the push
            self._acknowledged([key])
        else:
            self._acknowledgements.add(reply)
        return True

    async def send_to_handset(self, number: str, payload: bytes) -> None:
        """A payload that wants no answer (a withdrawal); lost where nobody listens; the next sync repeats it."""
        if self.connected:
            self._outbox.publish(f"{self._root}.handset.{number}", payload, numbers=(number,))
        else:
            self._unconfirmed.missed([number])

    async def is_connected(self, number: str, within: timedelta) -> bool:
        """Whether a gateway holds that handset's stream; it hears nothing of that. Raises Unavailable unanswered."""
        subject = f"{self._root}.handset.{number}"
        try:
            await self._client.request(subject, b"", timeout=within.total_seconds())
        except NoRespondersError:
            return False
        except _FAILED as exc:
            raise Unavailable(why(exc)) from exc
        return True

    # announcements ----------------------------------------------------------------------------------------------------

    async def announce(self, topic: str, payload: bytes = b"") -> None:
        """A message to every listener of `topic`; lost where the fabric is, so never the only way to learn a fact."""
        with contextlib.suppress(*_FAILED):
            if self.connected:
                await self._client.publish(f"{self._root}.{topic}", payload)

    async def listen(self, topic: str, on_message: OnMessage) -> None:
        """`on_message` gets every message to `topic` from now on, also after reconnections."""
        self._listeners.append((topic, on_message))
        if self._joined:
            await self._subscribe(topic, on_message)
            with contextlib.suppress(*_FAILED):  # without NATS it comes into force with the reconnection
                await self._client.until_in_force()

    async def _subscribe(self, topic: str, on_message: OnMessage) -> None:
        async def answer(msg: Msg) -> None:
            reply = await on_message(msg.data)
            if reply is not None:
                try:
                    await self._client.publish(msg.reply, reply)
                except _FAILED as exc:  # NATS is away, or the answer is larger than a message
                    log.warning("answer_not_sent", topic=topic, error=said(exc))

        async def receive(msg: Msg) -> None:
            if not msg.reply:  # announcements keep their order
                await on_message(msg.data)
                return
            self._side.start(answer(msg))  # a question that takes long holds up no other

        await subscribe(self._client, f"{self._root}.{topic}", receive)

    async def ask_all(self, topic: str, answers: int, within: timedelta) -> list[bytes]:
        """What listeners of `topic` answer: the first `answers`, or those that have come `within` that time.

        Raises Unavailable without NATS.
        """
        come, enough = list[bytes](), asyncio.Event()

        def take(_subject: str, _reply: str, payload: bytes | None) -> None:
            if payload is not None:
                come.append(payload)
            if payload is None or len(come) >= answers:
                enough.set()

        reply = f"{self._inbox}q.{new_id().hex}"
        try:
            subscription = await subscribe_directly(self._client, reply, take)
            try:
                await self._client.publish(f"{self._root}.{topic}", b"", reply)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(within.total_seconds()):
                        await enough.wait()
            finally:
                await self.detach(subscription)
        except _FAILED as exc:
            raise Unavailable(why(exc, topic)) from exc
        return come

    async def ask(self, topic: str, payload: bytes, within: timedelta) -> bytes:
        """The answer of a listener to `topic`; Unavailable when there is none or it takes too long."""
        try:
            answer = await self._client.request(f"{self._root}.{topic}", payload, timeout=within.total_seconds())
        except _FAILED as exc:
            raise Unavailable(why(exc, topic)) from exc
        return answer.data


async def _ignore(_: str) -> None:
    """Nobody asked for late acknowledgements."""
