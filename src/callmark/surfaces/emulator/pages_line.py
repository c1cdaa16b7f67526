"""The HTTP process' side of lines: the WebSockets of pages, and what the farm asks of them (docs/emulator.md)."""

import asyncio
import contextlib
from collections.abc import Generator
from itertools import count
from typing import TypeVar, assert_never
from uuid import UUID

import msgspec
import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callmark.domain.deps import Deps
from callmark.kit.clock import to_ms
from callmark.kit.errors import AppError, InvalidInput, NotFound, Unavailable
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator import line, wire
from callmark.surfaces.emulator.line import ToPage
from callmark.surfaces.emulator.model import Memory

log = structlog.get_logger(__name__)

WATCHED_EVERY_S = 0.5
"""How often the wall's handsets are looked at while somebody watches."""

ENDED, REFUSED, TRY_AGAIN = 4409, 4404, 1013
_SUPERSEDED = 4410
_Answers = line.PageScreen | line.PageEnded | line.PageBecame
_A = TypeVar("_A", line.PageScreen, line.PageEnded, line.PageBecame)


class PageLine:
    """One page's WebSocket."""

    def __init__(self, deps: Deps, socket: WebSocket, phone: PhoneNumber) -> None:
        self.id: UUID = new_id()
        self.phone = phone
        self.connected = False
        self.memory = Memory()
        self._deps = deps
        self._socket = socket
        self._ids = count(1)
        self._waiting: dict[str, asyncio.Queue[_Answers]] = {}

    async def tell(self, kind: str, message: ToPage = ToPage()) -> None:  # noqa: B008 - frozen
        """Sends one message of this kind; a page that has gone is the reader's to notice."""
        message = msgspec.structs.replace(message, type=kind, now=to_ms(self._deps.clock.now()))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.send_text(msgspec.json.encode(message).decode())

    async def look(self, caller: PhoneNumber) -> line.Showed:
        """What the page would show. Raises Unavailable."""
        with self._asking() as (question, answers):
            await self.tell("look", ToPage(id=question, caller=caller))
            return line.Showed((await _next(answers, line.PageScreen)).screen)

    async def ring(self, asked: line.RingPage) -> line.Showed:
        """Rings the page; the call ends as asked unless the user is quicker. Raises Unavailable."""
        with self._asking() as (question, answers):
            await self.tell("ring", ToPage(id=question, caller=asked.caller, outcome=asked.outcome))
            screen = (await _next(answers, line.PageScreen)).screen
            try:
                ended = await _next(answers, line.PageEnded, asked.ring_s)
            except Unavailable:  # the user lets it ring: the page is told how the script goes on
                await self.tell("end", ToPage(id=question, outcome=asked.outcome))
                ended = await _next(answers, line.PageEnded)
            return line.Showed(screen, ended.outcome)

    async def become(self, handset: line.HandsetOfPage) -> line.Became:
        """Tells the page what it is now; answers when it is as online as it should be. Raises Unavailable."""
        with self._asking() as (question, answers):
            await self.tell("handset", ToPage(id=question, handset=handset))
            self.connected = (await _next(answers, line.PageBecame)).connected
            return line.Became(self.connected)

    async def hang(self, reason: str, *, again: bool) -> None:
        """Ends the line, and tells the page why."""
        await self.tell("closed", ToPage(reason=reason, again=again))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.close(ENDED, reason)

    def answered(self, answer: _Answers) -> None:
        """An answer of the page; one that nobody waits for any more is dropped."""
        if waiting := self._waiting.get(answer.id):
            waiting.put_nowait(answer)

    @contextlib.contextmanager
    def _asking(self) -> Generator[tuple[str, "asyncio.Queue[_Answers]"]]:
        question = f"q{next(self._ids)}"
        answers: asyncio.Queue[_Answers] = asyncio.Queue()
        self._waiting[question] = answers
        try:
            yield question, answers
        finally:
            del self._waiting[question]


class PageLines:
    """The lines and the wall's watchers of one HTTP process."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._process = new_id()
        self._lines: dict[UUID, PageLine] = {}
        self.routes = [
            WebSocketRoute("/emulator/v1/handsets/{phone}/line", self.line),
            WebSocketRoute("/emulator/v1/watch", self.watch),
        ]

    async def start(self) -> None:
        """Listens to the farm, and to moves of the clock."""
        await self._deps.fabric.listen(line.page_topic(self._process), self._on_question)
        await self._deps.fabric.listen(line.CLOCK_TOPIC, self._on_clock)

    # the pages' WebSockets --------------------------------------------------------------------------------------------

    async def line(self, socket: WebSocket) -> None:
        """One page's line, from taking the handset over to giving it back."""
        await socket.accept()
        try:
            page = PageLine(self._deps, socket, wire.phone(socket.path_params["phone"], "the phone number in the path"))
        except InvalidInput as exc:
            await socket.close(REFUSED, exc.message)
            return
        self._lines[page.id] = page
        try:
            attach = line.Attach(page.phone, page.id, self._process)
            attached = await line.ask_farm(self._deps, attach, line.Attached)
            await page.tell("opened", ToPage(handset=line.HandsetOfPage.of(attached.handset)))
            await self._hold(page, socket)
        except NotFound as exc:
            await _close(socket, REFUSED, exc.message)
        except AppError as exc:
            await _close(socket, TRY_AGAIN, line.refusal(exc).message)
        finally:
            del self._lines[page.id]
            with contextlib.suppress(AppError):
                await line.ask_farm(self._deps, line.Detach(page.phone, page.id), line.Done)

    async def _hold(self, page: PageLine, socket: WebSocket) -> None:
        keeping = asyncio.create_task(self._keep(page))
        try:
            while True:
                await self._understand(page, await socket.receive_text())
        except (WebSocketDisconnect, msgspec.DecodeError, KeyError, RuntimeError):
            return  # gone, or it speaks no language of ours
        finally:
            keeping.cancel()

    async def _keep(self, page: PageLine) -> None:
        """Tells the farm again and again that the page is there; ends the line when the farm knows nothing of it."""
        while True:
            await asyncio.sleep(line.KEPT_EVERY_S)
            try:
                await self._say_state(page)
            except NotFound:
                await page.hang("the handset process was restarted", again=True)
                return
            except AppError as exc:
                log.info("line_not_kept", error=line.refusal(exc).message)

    async def _say_state(self, page: PageLine) -> None:
        keep = line.Keep(page.phone, page.id, page.connected, page.memory)
        await line.ask_farm(self._deps, keep, line.Done)

    async def _understand(self, page: PageLine, text: str) -> None:
        message = line.decode_from_page(text)
        match message:
            case line.PageScreen() | line.PageEnded() | line.PageBecame():
                page.answered(message)
            case line.PageState():
                page.connected, page.memory = message.connected, Memory(message.held, message.refused)
                with contextlib.suppress(AppError):  # said again soon
                    await self._say_state(page)
            case line.PageLost():
                lost = line.Lost(page.phone, page.id, message.code == _SUPERSEDED)
                await line.ask_farm(self._deps, lost, line.Done)
            case line.PageRegister():
                register = line.Register(page.phone, page.id)
                attached = await line.ask_farm(self._deps, register, line.Attached)
                await page.tell("handset", ToPage(handset=line.HandsetOfPage.of(attached.handset)))
            case _:
                assert_never(message)

    async def watch(self, socket: WebSocket) -> None:
        """The wall's feed: all handsets when something about them has changed, as one array."""
        await socket.accept()
        sending = asyncio.create_task(self._send_changes(socket))
        try:
            while True:
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            return
        finally:
            sending.cancel()

    async def _send_changes(self, socket: WebSocket) -> None:
        last = b""
        while True:
            try:
                survey = await line.ask_farm(self._deps, line.Survey(), line.Surveyed)
            except AppError as exc:
                await _close(socket, TRY_AGAIN, line.refusal(exc).message)
                return
            seen = msgspec.json.encode(sorted(survey.handsets, key=lambda one: one.phone_number))
            if seen != last:
                await socket.send_text(seen.decode())
                last = seen
            await asyncio.sleep(WATCHED_EVERY_S)

    # from the farm ----------------------------------------------------------------------------------------------------

    async def _on_question(self, message: bytes) -> bytes:
        question = line.decode_page_question(message)
        try:
            if (page := self._lines.get(question.line)) is None:
                raise NotFound("this line has ended")
            return msgspec.json.encode(await _answer(page, question))
        except AppError as exc:
            return msgspec.json.encode(line.refusal(exc))

    async def _on_clock(self, _: bytes) -> None:
        for page in list(self._lines.values()):
            await page.tell("clock")


async def _answer(page: PageLine, question: line.PageQuestion) -> line.PageAnswer:
    match question:
        case line.LookAt():
            return await page.look(question.caller)
        case line.RingPage():
            return await page.ring(question)
        case line.Become():
            return await page.become(line.HandsetOfPage.of(question.handset))
        case line.Hang():
            await page.hang(question.reason, again=question.again)
            return line.Became(connected=False)
        case _:
            assert_never(question)


async def _next(answers: "asyncio.Queue[_Answers]", kind: type[_A], within_s: float = line.PAGE_WITHIN_S) -> _A:
    """The page's next answer, which is a `kind`. Raises Unavailable when none comes in time."""
    try:
        async with asyncio.timeout(within_s):
            while not isinstance(answer := await answers.get(), kind):
                pass
    except TimeoutError as exc:
        raise Unavailable("the page does not answer") from exc
    return answer


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code, reason)
