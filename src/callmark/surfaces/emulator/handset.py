"""A virtual handset: a gateway client like an app's, written to be read beside docs/gateway.md.

Its life: register when it has no token, hold a stream while online, sync, hold what comes, acknowledge by its script,
report calls until they are received, connect again when the stream ends. All of it runs in one task per handset.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import assert_never
from uuid import UUID

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from callmark.domain.calls.model import CallEvent, CallSource
from callmark.domain.personalisation.handset_messages import Identity, RecordRef, Withdraw
from callmark.domain.resolution.model import Offers
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber, shorten
from callmark.surfaces.emulator.asking import TRY_AGAIN, Answer, Asking
from callmark.surfaces.emulator.behaviour import RING_S, Behaviour, Ringing
from callmark.surfaces.emulator.held import Held
from callmark.surfaces.emulator.model import Memory, Seen, VirtualHandset, nothing
from callmark.surfaces.emulator.network import Network
from callmark.surfaces.gateway.wire import (
    MOST_HELD,
    AckFrame,
    CallFrame,
    Failed,
    Received,
    Resolved,
    ResolveFrame,
    Synced,
    SyncFrame,
    Welcome,
    encode,
)

log = structlog.get_logger(__name__)

CONNECT_WITHIN_S = 2.0
MOST_REPORTS = 200
NO_CODE, TOKEN_ENDED, REPLACED, SUPERSEDED = 1006, 4401, 4409, 4410

_decode = msgspec.json.Decoder(Identity | Withdraw | Welcome | Synced | Resolved | Received | Failed).decode
_Question = SyncFrame | ResolveFrame | CallFrame


class Handset:
    """One virtual handset. `row` is what it is now; `ready` is set once it is as online as it should be."""

    __slots__ = (
        "_asking",
        "_background",
        "_behaviour",
        "_held",
        "_ids",
        "_life",
        "_lost",
        "_network",
        "_reports",
        "_stream",
        "_synced",
        "_syncing",
        "ready",
        "row",
    )

    def __init__(self, row: VirtualHandset, network: Network) -> None:
        self.row = row
        self.ready = asyncio.Event()
        self._network = network
        self._held = Held()
        self._ids = count(1)
        self._behaviour = Behaviour(row.phone_number, network.conditions)
        self._reports: dict[str, CallFrame] = {}
        self._asking = Asking()
        self._background: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None
        self._stream: ClientConnection | None = None
        self._synced = asyncio.Event()
        self._syncing = False
        self._lost = ""

    # life -------------------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether its stream is open and synced."""
        return self._synced.is_set()

    @property
    def memory(self) -> Memory:
        """How much it holds, and how much it had no room for."""
        return Memory(len(self._held), self._held.refused)

    @property
    def is_wanted(self) -> bool:
        """Whether its stream should be open: a registered app, online, that nobody took the place of."""
        return self.row.registered and self.row.online and not self._lost

    def start(self) -> None:
        """Begins to live: registers if need be and connects if online. An unregistered one does nothing."""
        self.ready.clear()
        self._lost = ""
        if self.row.registered:
            self._life = asyncio.create_task(self._live())
        else:
            self.ready.set()

    async def stop(self) -> None:
        """Closes the stream; what it holds and has to report stays."""
        if self._life:
            self._life.cancel()
            await asyncio.wait({self._life})
            self._life = None

    async def lend(self) -> None:
        """Stops, so that a browser page can be this handset: afterwards `row` has a token, unless there is no app."""
        await self.stop()
        self._lost = ""
        if self.row.registered and self.row.token is None:
            await self._register()

    def reinstalled(self, row: VirtualHandset) -> None:
        """It becomes `row`, holding nothing; to be called while stopped."""
        self.row = row
        self._held.clear()

    def behave(self, row: VirtualHandset) -> None:
        """It becomes `row`, from the next push on."""
        self.row = row

    def begin_anew(self) -> None:
        """Its count of pushes and its draws at random start over."""
        self._behaviour.begin_anew()

    async def _live(self) -> None:
        failures = 0
        while True:
            code = None
            try:
                if self.row.token is None:
                    await self._register()
                if not self.row.online:
                    break
                code, lasted = await self._hold_stream()
                failures = 0 if lasted else failures
            except AppError as exc:
                log.info("handset_not_connected", phone=shorten(self.row.phone_number), error=_text(exc))
            except Exception:
                log.exception("handset_failed", phone=shorten(self.row.phone_number))
            if code in (REPLACED, SUPERSEDED):
                await self._give_up(code)
                break
            if code == TOKEN_ENDED:
                self.row = msgspec.structs.replace(self.row, token=None)
            failures += 1
            await self._network.back_off(failures)
        self.ready.set()

    async def _register(self) -> None:
        token = await self._network.register(self.row)
        self.row = msgspec.structs.replace(self.row, token=token)
        await self._network.save(self.row)

    async def _give_up(self, code: int) -> None:
        if code == REPLACED:
            self._lost = "is not connected; another stream with its token replaced it"
            return
        self._lost = "is no longer registered; its number was registered on another device"
        self.reinstalled(msgspec.structs.replace(self.row, registered=False, token=None))
        with contextlib.suppress(AppError):
            await self._network.save(self.row)

    async def _hold_stream(self) -> tuple[int, bool]:
        """Holds a stream to its end: the close code, and whether it had got as far as being synced."""
        assert self.row.token is not None  # noqa: S101 - registered just now
        stream = self._stream = await self._network.connect(self.row.token)
        try:
            while True:
                await self._take(await stream.recv(decode=False))
        except ConnectionClosed as exc:
            return (exc.rcvd.code if exc.rcvd else NO_CODE), self.connected
        finally:
            self._disconnected()
            await stream.close()

    def _disconnected(self) -> None:
        self._stream = None
        self._syncing = False
        self._synced.clear()
        for task in self._background:
            task.cancel()
        self._asking.lose()

    # frames -----------------------------------------------------------------------------------------------------------

    async def _take(self, data: str | bytes) -> None:
        try:
            frame = _decode(data)
        except msgspec.DecodeError:  # a type of a later release
            return
        match frame:
            case Identity():
                await self._push_came(frame)
            case Withdraw():
                if self._held.withdraw(frame.record.id) and not self._syncing:
                    self._spawn(self._catch_up)
            case Welcome():
                self._spawn(self._sync)
            case Synced() | Resolved() | Received():
                self._answered(frame)
            case Failed():
                self._refused(frame)
            case _:
                assert_never(frame)

    async def _push_came(self, identity: Identity) -> None:
        if self._behaviour.forgot(identity.id):
            return
        if not self._syncing and identity.id not in self._held and self._behaviour.loses(self.row.script):
            return
        if not self._held.hold(identity, self._network.now_ms()):
            log.warning("handset_full", phone=shorten(self.row.phone_number))
            return
        if self.row.script.ack_delay_s:
            self._spawn(partial(self._acknowledge_later, identity.record, self.row.script.ack_delay_s))
        else:
            await self._acknowledge(identity.record)

    async def _acknowledge(self, record: RecordRef) -> None:
        await self._send(AckFrame(id=self._id("a"), record=record))

    async def _acknowledge_later(self, record: RecordRef, delay_s: float) -> None:
        await self._network.pause(delay_s)
        await self._acknowledge(record)

    def _answered(self, frame: Answer) -> None:
        if isinstance(frame, Received):
            self._reports.pop(frame.re, None)
        self._asking.answered(frame)

    def _refused(self, frame: Failed) -> None:
        log.warning("frame_refused", phone=shorten(self.row.phone_number), slug=frame.slug, message=frame.message)
        report = self._reports.get(frame.re or "")
        if report and frame.slug in TRY_AGAIN:
            self._spawn(partial(self._report_again, report))
        elif report:
            del self._reports[report.id]
        self._asking.answered(frame)

    async def _send(self, frame: AckFrame | _Question) -> None:
        if self._stream is None:
            raise Unavailable("gateway: not connected")
        await self._stream.send(encode(frame), text=True)

    async def _ask(self, frame: _Question) -> Answer:
        """The answer to a frame. Raises as `Asking.ask` does."""
        return await self._asking.ask(frame.id, partial(self._send, frame))

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` beside the reader until the stream ends."""
        task = asyncio.create_task(_quietly(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _id(self, kind: str) -> str:
        return f"{kind}{next(self._ids)}"

    # sync -------------------------------------------------------------------------------------------------------------

    async def _sync(self) -> None:
        """Gets what it missed; then sends the reports that nobody has received yet."""
        await self._catch_up()
        self._synced.set()
        self.ready.set()
        for report in list(self._reports.values()):
            await self._send(report)

    async def _catch_up(self) -> None:
        """Gets what it misses, page by page."""
        self._syncing = True
        self._held.drop_ended(self._network.now_ms())
        for held in self._held.pages(MOST_HELD):
            cursor, more = None, True
            while more:
                try:
                    answer = await self._ask(SyncFrame(id=self._id("s"), held=held, cursor=cursor))
                except Unavailable:
                    await self._network.pause(1)
                    continue
                assert isinstance(answer, Synced)  # noqa: S101 - what answers a sync
                cursor, more = answer.cursor, answer.cursor is not None
        self._syncing = False

    # calls ------------------------------------------------------------------------------------------------------------

    async def look(self, caller: PhoneNumber) -> Seen:
        """What would show if `caller` rang now: from what it holds, else from `resolve` when online."""
        number = self.row.phone_number
        if not self.row.registered:
            return nothing(f"{number} {self._lost or 'is not registered, so no app on it can receive pushes'}")
        now_ms = self._network.now_ms()
        held = self._held.showing(caller, now_ms)
        if held:
            why = f"call record {held.id} is this caller's newest record on the handset with an open window"
            return Seen(held, CallSource.CALL_RECORD, why, await self._offers(caller))
        if not self.row.online:
            return nothing(f"the handset is offline and {self._held.why_nothing(caller, now_ms)}")
        return await self._resolve(caller)

    async def _offers(self, caller: PhoneNumber) -> Offers:
        """What may be offered after a call whose identity is held; nothing when that cannot be asked now."""
        if not self.connected:
            return Offers()
        with contextlib.suppress(AppError):
            answer = await self._ask(self._who(caller))
            assert isinstance(answer, Resolved)  # noqa: S101 - what answers a resolve
            return answer.offers
        return Offers()

    def _who(self, caller: PhoneNumber) -> ResolveFrame:
        return ResolveFrame(id=self._id("r"), caller_number=caller, time_zone=self.row.time_zone)

    async def _resolve(self, caller: PhoneNumber) -> Seen:
        try:
            answer = await self._ask_who(caller)
        except (TimeoutError, AppError) as exc:
            lost = (
                f"{self.row.phone_number} {self._lost}" if self._lost else f"the gateway does not answer: {_text(exc)}"
            )
            return nothing(f"the handset has no record of this caller, and {lost}")
        assert isinstance(answer, Resolved)  # noqa: S101 - what answers a resolve
        return Seen(answer.identity, answer.source, answer.why, answer.offers)

    async def _ask_who(self, caller: PhoneNumber) -> Answer:
        """The answer to `resolve`; asked again on the next stream when this one ends under it."""
        try:
            return await self._ask_once(caller)
        except Unavailable:
            if self.connected or self._lost:
                raise
            return await self._ask_once(caller)

    async def _ask_once(self, caller: PhoneNumber) -> Answer:
        if self._lost:
            raise Unavailable("gateway: the stream was abandoned")
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await self._synced.wait()
        return await self._ask(self._who(caller))

    async def ring(self, caller: PhoneNumber, how: Ringing) -> Seen:
        """A call: what shows, reported with its outcome. Online, returns once the gateway has received both reports."""
        seen = await self.look(caller)
        call_id = random_uuid()
        if seen.identity:
            await self._report(call_id, caller, seen, CallEvent.SHOWN)
        await self._network.pause(how.rings * RING_S)
        await self._report(call_id, caller, seen, how.outcome)
        return seen

    async def _report(self, call_id: UUID, caller: PhoneNumber, seen: Seen, event: CallEvent) -> None:
        """Reports one fact of a call, at once or when it is online again; without an app there is nobody to report."""
        if not self.row.registered:
            return
        record = seen.identity.record if isinstance(seen.identity, Identity) else None
        report = CallFrame(
            id=self._id("c"), call_id=call_id, caller_number=caller, event=event, source=seen.source, record=record
        )
        if len(self._reports) >= MOST_REPORTS:
            del self._reports[next(iter(self._reports))]
        self._reports[report.id] = report
        if self.connected:
            with contextlib.suppress(AppError):  # it stays among the reports, unless it was refused for good
                await self._ask(report)

    async def _report_again(self, report: CallFrame) -> None:
        await self._network.pause(1)
        await self._send(report)


def _text(exc: Exception) -> str:
    return str(getattr(exc, "reason", exc)) or type(exc).__name__


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """A stream that ends under background work is the reader's to notice."""
    with contextlib.suppress(ConnectionClosed, AppError):
        await work()
