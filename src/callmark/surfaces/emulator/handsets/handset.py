"""A virtual handset: a gateway client like an app's, written to be read beside docs/gateway.md.

Its life: register when it has no token, hold a stream while online, sync, hold what comes, acknowledge by its script,
report calls until they are received, connect again when the stream ends. All of it runs in one task per handset.
"""

import asyncio
import contextlib
from functools import partial
from itertools import count
from typing import assert_never
from uuid import UUID

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from callmark.domain.calls.model import CallEvent
from callmark.domain.personalisation.handset_messages import Identity, Withdraw
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.tasks import end
from callmark.surfaces.emulator.handsets import plain_http
from callmark.surfaces.emulator.handsets.behaviour import Behaviour
from callmark.surfaces.emulator.handsets.call_reports import CallReports
from callmark.surfaces.emulator.handsets.catching_up import CatchUp
from callmark.surfaces.emulator.handsets.close_codes import GOODBYE, LOST, NO_CODE, REPLACED, TOKEN_ENDED, lost_before
from callmark.surfaces.emulator.handsets.held_identities import HeldIdentities
from callmark.surfaces.emulator.handsets.model import Memory, Seen, VirtualHandset
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.emulator.handsets.pending_frames import TRY_AGAIN, Answer, AnswerT, PendingFrames
from callmark.surfaces.emulator.handsets.stream_jobs import StreamJobs
from callmark.surfaces.emulator.handsets.wake_up import WakeUp, new_push_token
from callmark.surfaces.gateway.wire import (
    AckFrame,
    CallFrame,
    Failed,
    Received,
    ResolveAnswer,
    Resolved,
    ResolveFrame,
    Synced,
    SyncFrame,
    Welcome,
    encode,
)

log = structlog.get_logger(__name__)

_ACK = "a"  # how the ids of acknowledgements begin

_decode = msgspec.json.Decoder(Identity | Withdraw | Welcome | Synced | Resolved | Received | Failed).decode
_Question = SyncFrame | ResolveFrame | CallFrame


class Handset:
    """One virtual handset: `row` is what it is now, `held` its memory.

    `ready` is set once it is as online as it should be, `synced` while its stream is open and synced. `lost` says, to
    be read after its number, that someone else took its place at the gateway; it is empty while nobody has.
    `is_asleep` while it waits to be woken. `gave_up` is set once it does not try to connect, until it starts again.
    """

    __slots__ = (
        "_a_moment",
        "_behaviour",
        "_catch_up",
        "_ids",
        "_jobs",
        "_life",
        "_network",
        "_pending",
        "_reports",
        "_stream",
        "_wake_up",
        "_was_synced",
        "gave_up",
        "held",
        "is_asleep",
        "lost",
        "ready",
        "row",
        "synced",
    )

    def __init__(self, row: VirtualHandset, network: Network) -> None:
        self.row = row
        self.ready, self.synced, self.gave_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._network = network
        self.held = HeldIdentities()
        self._ids = count(1)
        self._behaviour = Behaviour(row.phone_number, network.conditions)
        self._reports = CallReports()
        self._pending = PendingFrames()
        self._jobs, self._a_moment = StreamJobs(), partial(network.pause, 1)
        self._life: asyncio.Task[None] | None = None
        self._stream: ClientConnection | None = None
        self._catch_up = CatchUp()
        self._was_synced = False
        self._wake_up = WakeUp()
        self.is_asleep = False
        self.lost = lost_before(row)

    # life -------------------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether its stream is open and synced."""
        return self.synced.is_set()

    @property
    def memory(self) -> Memory:
        """How much it holds, and how much it had no room for."""
        return Memory(len(self.held), self.held.refused)

    @property
    def is_wanted(self) -> bool:
        """Whether its stream should be open: a registered app, online, that nobody took the place of, never asleep."""
        return self._can_connect and not self.row.script.sleeps

    @property
    def reaches_gateway(self) -> bool:
        """Whether what it says gets there: by its stream, or as plain HTTP by an app that the system starts for it."""
        return self.connected or (self.row.script.sleeps and self._can_connect)

    @property
    def _can_connect(self) -> bool:
        return self.row.registered and self.row.online and not self.lost

    def now_ms(self) -> int:
        """The product clock."""
        return self._network.now_ms()

    def start(self) -> None:
        """Starts: registers if needed and connects if online. An unregistered one does nothing, and keeps `lost`."""
        self.ready.clear()
        self.gave_up.clear()
        if self.row.registered:
            self.lost = ""
            self._life = asyncio.create_task(self._live())
        else:
            self.ready.set()
        self._changed()

    async def stop(self) -> None:
        """Closes the stream; what it holds and has to report stays."""
        if self._life:
            await end([self._life])
            self._life = None

    def reinstalled(self, row: VirtualHandset) -> None:
        """It becomes `row`, holding nothing; to be called while stopped."""
        self.row = row
        self.held.clear()
        self._reports = CallReports()
        self._changed()

    def forget(self) -> bool:
        """Holds nothing and has nothing to report, as if installed just now, on the stream that it has.

        False when it cannot, because it is not as online as it should be, or is about to sync.
        """
        if self._catch_up.is_running or self.lost or self.connected != self.is_wanted:
            return False
        self._jobs.end()
        self.held.clear()
        self._reports = CallReports()
        self.start_over()
        self._changed()
        return True

    def behave(self, row: VirtualHandset) -> None:
        """It becomes `row`, from the next push on."""
        self.row = row
        self._changed()

    def start_over(self) -> None:
        """Its count of pushes and its draws at random start over."""
        self._behaviour.start_over()

    async def _live(self) -> None:
        failures = 0
        while True:
            code, lasted = None, False
            try:
                token = self.row.token or await self._register()
                if not self.row.online:
                    break
                code, lasted = await self._hold_stream(token)
                failures = 0 if lasted else failures
            except AppError as exc:
                log.info("handset_not_connected", phone=shorten(self.row.phone_number), error=exc.detail)
            except Exception:
                log.exception("handset_failed", phone=shorten(self.row.phone_number))
            if code in LOST:
                await self._give_up(code)
                break
            if code == TOKEN_ENDED:
                self.row = msgspec.structs.replace(self.row, token=None)
            if code == GOODBYE and lasted and self.row.script.sleeps:
                await self._sleep()
                continue
            failures += 1
            await self._network.back_off(failures)
        self.ready.set()
        self.gave_up.set()

    async def _register(self) -> str:
        push_token = new_push_token(self.row.phone_number) if self.row.script.sleeps else None
        token = await self._network.register(msgspec.structs.replace(self.row, push_token=push_token))
        self.row = msgspec.structs.replace(self.row, push_token=push_token, token=token)  # `behave` may have changed it
        await self._network.save(self.row)
        return token

    def wake(self) -> None:
        """A message of the push service has come. While it is offline none arrives: it syncs when it is back."""
        if self._can_connect and not self.row.script.loses_wake_ups:
            self._wake_up.come(self.now_ms() + int(self.row.script.wakes_after_s * 1000))

    def look_at_clock(self) -> None:
        """The product clock was moved."""
        self._wake_up.look_again()

    def token_ended(self, token: str) -> None:
        """The gateway refused that token. If it is still its own, its app runs now and registers again."""
        if self.row.token == token:
            self.row = msgspec.structs.replace(self.row, token=None)
            self._wake_up.come(self.now_ms())

    async def _sleep(self) -> None:
        self.is_asleep = True
        self.ready.set()
        self._changed()
        try:
            await self._wake_up.wait(self.now_ms)
        finally:
            self.is_asleep = False
            self._changed()

    async def _give_up(self, code: int) -> None:
        self.lost = LOST[code]
        if code == REPLACED:
            self._changed()
            return
        self.reinstalled(msgspec.structs.replace(self.row, registered=False, token=None))
        with contextlib.suppress(AppError):
            await self._network.save(self.row)

    def _changed(self) -> None:
        self._network.on_change(self.row.phone_number)

    async def _hold_stream(self, token: str) -> tuple[int, bool]:
        """Holds a stream to its end: the close code, and whether it had got as far as being synced."""
        stream = self._stream = await self._network.connect(token)
        try:
            while True:
                await self._take(await stream.recv(decode=False))
        except ConnectionClosed as exc:
            return (exc.rcvd.code if exc.rcvd else NO_CODE), self._was_synced
        finally:
            self._disconnected()
            await stream.close()

    def _disconnected(self) -> None:
        self._stream, self._catch_up, self._was_synced = None, CatchUp(), False
        self.synced.clear()
        self._jobs.end()
        self._pending.lose()
        self._changed()

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
                if self.held.withdraw(frame.record.id) and self._catch_up.begin():
                    self._jobs.run(self._catch_up_now)
                self._changed()
            case Welcome():
                self._wake_up.drop()
                self._catch_up.begin()
                self._jobs.run(self._sync)
            case Synced() | Resolved() | Received():
                self._answered(frame)
            case Failed():
                self._refused(frame)
            case _:
                assert_never(frame)

    async def _push_came(self, identity: Identity) -> None:
        if self._behaviour.forgot(identity.id):
            return
        if not self._catch_up.is_running and identity.id not in self.held and self._behaviour.loses(self.row.script):
            return
        has_room = self.held.hold(identity, self._network.now_ms())
        self._changed()
        if not has_room:
            log.warning("handset_full", phone=shorten(self.row.phone_number))
            return
        acknowledge = partial(self._send, AckFrame(id=self._id(_ACK), record=identity.record))
        if self.row.script.ack_delay_s:
            self._jobs.run(acknowledge, after=partial(self._network.pause, self.row.script.ack_delay_s))
        else:
            await acknowledge()

    def _answered(self, frame: Answer) -> None:
        if isinstance(frame, Received):
            self._reports.received(frame.re)
        self._pending.answered(frame)

    def _refused(self, frame: Failed) -> None:
        log.warning("frame_refused", phone=shorten(self.row.phone_number), slug=frame.slug, message=frame.message)
        may_try_again = frame.slug in TRY_AGAIN
        self._reports.refused(frame.re or "", self._report_later if may_try_again else None)
        self._pending.answered(frame)
        if may_try_again and (frame.re or "").startswith(_ACK):  # a sync acknowledges what is held, and brings the rest
            self._jobs.run(self._catch_up_once_more, after=self._a_moment)

    async def _send(self, frame: AckFrame | _Question) -> None:
        if (stream := self._stream) is None:
            raise Unavailable("gateway: not connected")
        try:
            await stream.send(encode(frame), text=True)
        except ConnectionClosed:
            if stream is self._stream:  # what reads it, and learns why it ended, may hear of it after us
                self.synced.clear()
            raise

    async def _ask(self, frame: _Question, kind: type[AnswerT]) -> AnswerT:
        """The answer to a frame. Raises as `PendingFrames.ask` does."""
        return await self._pending.ask(frame.id, partial(self._send, frame), kind)

    def _id(self, kind: str) -> str:
        return f"{kind}{next(self._ids)}"

    # sync -------------------------------------------------------------------------------------------------------------

    async def _sync(self) -> None:
        """Gets what it missed; then sends the reports that nobody has received yet."""
        awake_for_s = self.row.script.awake_for_s if self.ready.is_set() else 0  # as it starts, it only syncs
        await self._catch_up_now()
        self._was_synced = True
        self.synced.set()
        if not self.row.script.sleeps:
            self.ready.set()
        self._changed()
        for report in self._reports.list():
            await self._send(report)
        if self.row.script.sleeps and self._stream:
            await self._network.pause(awake_for_s)
            await self._stream.close()

    async def _catch_up_now(self) -> None:
        try:
            await self._catch_up.run(self._ask_for_page, self.held, self._network)
        except AppError:  # refused permanently: the next stream begins again
            if self._stream:
                await self._stream.close()
            raise

    async def _catch_up_once_more(self) -> None:
        if self._catch_up.begin():
            await self._catch_up_now()

    async def _ask_for_page(self, held: list[UUID], cursor: str | None) -> Synced:
        return await self._ask(SyncFrame(id=self._id("s"), held=held, cursor=cursor), Synced)

    # calls ------------------------------------------------------------------------------------------------------------

    async def resolve(self, caller: PhoneNumber) -> Resolved | ResolveAnswer:
        """What the gateway says of a caller, by plain HTTP where it sleeps. Raises as `PendingFrames.ask` does."""
        if self.row.script.sleeps:  # its stream, if it is awake, may end under the question
            return await plain_http.resolve(self._network, self.row, caller)
        frame = ResolveFrame(id=self._id("r"), caller_number=caller, time_zone=self.row.time_zone)
        return await self._ask(frame, Resolved)

    async def report(self, call_id: UUID, caller: PhoneNumber, seen: Seen, event: CallEvent) -> None:
        """Reports one fact of a call: online, returns once the gateway has it; else it is kept until then.

        Without an app there is nobody to report.
        """
        if not self.row.registered:
            return
        report = self._reports.add(self._id("c"), call_id, caller, seen, event)
        with contextlib.suppress(AppError):  # it stays among the reports, unless it was refused permanently
            if self.connected:
                await self._ask(report, Received)
            elif self.reaches_gateway:
                await plain_http.report(self._network, self.row, self._reports, report)

    def _report_later(self, report: CallFrame) -> None:
        self._jobs.run(partial(self._send, report), after=self._a_moment)
