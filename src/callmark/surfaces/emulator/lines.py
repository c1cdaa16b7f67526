"""The farm's side of lines: which handsets are browser pages now, and asking those pages instead of ourselves."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never
from uuid import UUID

import msgspec
import structlog

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.resolution.model import Offers
from callmark.kit.errors import AppError, NotFound
from callmark.kit.phone import PhoneNumber, shorten
from callmark.surfaces.emulator import line
from callmark.surfaces.emulator.handset import Handset
from callmark.surfaces.emulator.model import Memory, Screen, VirtualHandset
from callmark.surfaces.emulator.network import Save

log = structlog.get_logger(__name__)

_SWEPT_EVERY = timedelta(seconds=2)


@dataclass
class _Line:
    """A handset that a page is; `process` holds the page's WebSocket."""

    id: UUID
    process: UUID
    kept_at: float
    connected: bool = False
    memory: Memory = field(default_factory=Memory)


class Lines:
    """The lines of all handsets, by number. `handsets` and `lock_of` are the farm's own."""

    def __init__(
        self,
        deps: Deps,
        handsets: Mapping[PhoneNumber, Handset],
        lock_of: Callable[[PhoneNumber], asyncio.Lock],
        save: Save,
    ) -> None:
        self._deps = deps
        self._handsets = handsets
        self._lock_of = lock_of
        self._save = save
        self._lines: dict[PhoneNumber, _Line] = {}
        self._calls: dict[PhoneNumber, line.LastCall] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens to the processes that hold pages."""
        await self._deps.fabric.listen(line.TOPIC, self._answer)
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends the watch over lines; pages notice by their next `Keep`."""
        if self._sweeping:
            self._sweeping.cancel()

    # for the farm -----------------------------------------------------------------------------------------------------

    def held(self, phone: PhoneNumber) -> bool:
        """Whether a page is this handset."""
        return phone in self._lines

    def connected(self, phone: PhoneNumber) -> bool:
        """Whether a page is this handset and its stream is open."""
        return phone in self._lines and self._lines[phone].connected

    def memory(self, phone: PhoneNumber) -> Memory | None:
        """What the page holds; None when no page is the handset."""
        return self._lines[phone].memory if phone in self._lines else None

    async def look(self, phone: PhoneNumber, caller: PhoneNumber) -> Screen | None:
        """What the page would show; None when no page is the handset (any more)."""
        if (held := self._lines.get(phone)) is None:
            return None
        showed = await self._ask(phone, held, line.LookAt(held.id, caller), line.Showed, line.PAGE_WITHIN_S + 1)
        return showed.screen if showed else None

    async def ring(
        self, phone: PhoneNumber, caller: PhoneNumber, outcome: CallEvent, ring_s: float = line.RING_S
    ) -> line.Showed | None:
        """Rings the page: what showed and how it ended; None when no page is the handset (any more)."""
        if (held := self._lines.get(phone)) is None:
            return None
        within_s = ring_s + 2 * line.PAGE_WITHIN_S + 1
        return await self._ask(phone, held, line.RingPage(held.id, caller, outcome, ring_s), line.Showed, within_s)

    async def become(self, row: VirtualHandset) -> bool:
        """Tells the page what the handset has become; whether its stream is open then."""
        held = self._lines[row.phone_number]
        became = await self._ask(row.phone_number, held, line.Become(held.id, row), line.Became, 2 * line.PAGE_WITHIN_S)
        held.connected = bool(became and became.connected)
        return held.connected

    async def end(self, phone: PhoneNumber, reason: str, *, again: bool = False) -> None:
        """Hangs up the line of a handset that is removed, or (`again`) installed anew; without one does nothing."""
        if held := self._lines.pop(phone, None):
            await self._hang(held, reason, again=again)

    def note(self, phone: PhoneNumber, caller: PhoneNumber, outcome: CallEvent, screen: Screen) -> None:
        """Keeps a handset's last call for the wall."""
        number = self._calls[phone].number + 1 if phone in self._calls else 1
        shown = msgspec.structs.replace(screen, offers=Offers())  # not for the wall, which hears of it again and again
        self._calls[phone] = line.LastCall(number, caller, outcome, shown)

    async def _ask(
        self, phone: PhoneNumber, held: _Line, question: line.PageQuestion, kind: type[line.P], within_s: float
    ) -> line.P | None:
        """The page's answer. None when it gives none: then the farm is the handset again."""
        try:
            return await line.ask_page(self._deps, held.process, question, kind, within_s)
        except AppError as exc:
            log.info("page_silent", phone=shorten(phone), error=line.refusal(exc).message)
        await self._hang(held, "the page did not answer", again=True)
        if self._lines.get(phone) is held:
            self._take_back(phone)
        return None

    def _take_back(self, phone: PhoneNumber) -> None:
        del self._lines[phone]
        if handset := self._handsets.get(phone):
            handset.start()

    async def _hang(self, held: _Line, reason: str, *, again: bool) -> None:
        with contextlib.suppress(AppError):
            await line.ask_page(self._deps, held.process, line.Hang(held.id, reason, again), line.Became, 1)

    async def _sweep(self) -> None:
        """Takes back the handsets whose process has died with their pages."""
        while True:
            await self._deps.real_clock.sleep(_SWEPT_EVERY)
            least = asyncio.get_running_loop().time() - line.KEPT_FOR_S
            for phone, held in list(self._lines.items()):
                if held.kept_at < least:
                    log.info("line_lost", phone=shorten(phone))
                    self._take_back(phone)

    # for the processes that hold pages --------------------------------------------------------------------------------

    async def _answer(self, message: bytes) -> bytes:
        try:
            answer = await self._carry_out(line.decode_farm_question(message))
        except AppError as exc:
            answer = line.refusal(exc)
        except Exception:
            log.exception("line_failed")
            answer = line.Refused(AppError.slug, "internal error")
        return msgspec.json.encode(answer)

    async def _carry_out(self, question: line.FarmQuestion) -> line.FarmAnswer:
        match question:
            case line.Survey():
                return line.Surveyed([self._glimpse(one) for one in self._handsets.values()])
            case line.Keep():
                self._keep(question)
                return line.Done()
            case line.Attach():
                async with self._lock_of(question.phone_number):
                    return await self._attach(question)
            case line.Detach():
                async with self._lock_of(question.phone_number):
                    if self._is(question.phone_number, question.line):
                        self._take_back(question.phone_number)
                return line.Done()
            case line.Lost():
                async with self._lock_of(question.phone_number):
                    await self._lose(question)
                return line.Done()
            case line.Register():
                async with self._lock_of(question.phone_number):
                    return await self._register(question)
            case _:
                assert_never(question)

    async def _attach(self, asked: line.Attach) -> line.Attached:
        handset = self._find(asked.phone_number)
        if old := self._lines.get(asked.phone_number):
            await self._hang(old, line.TAKEN_OVER, again=False)
        self._lines[asked.phone_number] = _Line(asked.line, asked.process, asyncio.get_running_loop().time())
        try:
            await handset.lend()
        except AppError:
            self._take_back(asked.phone_number)
            raise
        log.info("line_attached", phone=shorten(asked.phone_number))
        return line.Attached(handset.row)

    def _keep(self, asked: line.Keep) -> None:
        if not self._is(asked.phone_number, asked.line):
            raise NotFound("this line has ended")
        held = self._lines[asked.phone_number]
        held.kept_at = asyncio.get_running_loop().time()
        held.connected, held.memory = asked.connected, asked.memory

    async def _lose(self, asked: line.Lost) -> None:
        """As a handset of ours would: its token has ended, and with it (4410) the registration."""
        if self._is(asked.phone_number, asked.line):
            handset = self._find(asked.phone_number)
            row = msgspec.structs.replace(handset.row, token=None)
            handset.reinstalled(msgspec.structs.replace(row, registered=False) if asked.superseded else row)
            await self._save(handset.row)

    async def _register(self, asked: line.Register) -> line.Attached:
        if not self._is(asked.phone_number, asked.line):
            raise NotFound("this line has ended")
        handset = self._find(asked.phone_number)
        handset.reinstalled(msgspec.structs.replace(handset.row, token=None, registered=True))
        await handset.lend()
        return line.Attached(handset.row)

    def _is(self, phone: PhoneNumber, line_id: UUID) -> bool:
        held = self._lines.get(phone)
        return held is not None and held.id == line_id

    def _find(self, phone: PhoneNumber) -> Handset:
        if (handset := self._handsets.get(phone)) is None:
            raise NotFound(f"no virtual handset has the number {phone}")
        return handset

    def _glimpse(self, handset: Handset) -> line.Glimpse:
        row = handset.row
        held = self._lines.get(row.phone_number)
        return line.Glimpse(
            phone_number=row.phone_number,
            os=row.os.value,
            app_version=row.app_version,
            script=row.script,
            time_zone=row.time_zone,
            online=row.online,
            registered=row.registered,
            connected=held.connected if held else handset.connected,
            by_page=held is not None,
            memory=held.memory if held else handset.memory,
            last_call=self._calls.get(row.phone_number),
        )
