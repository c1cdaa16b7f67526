"""Lines: how a browser page becomes a virtual handset, and the telephone network's way to ring it (docs/emulator.md).

The page speaks the gateway protocol itself. Rings are no matter of the gateway, so they come by the line: a WebSocket
from the page to some HTTP process (pages_line.py). That process tells the farm (lines.py), which stops being the
handset while the line is held. This file has what the three say to each other.
"""

from datetime import timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.kit.errors import AppError, NotFound, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.model import Memory, Screen, Script, VirtualHandset

TOPIC = "emulator.lines"
CLOCK_TOPIC = "emulator.clock"
"""Announced when the clock has been moved and every process knows it."""

KEPT_EVERY_S = 3.0
KEPT_FOR_S = 10.0
"""A line whose process says nothing for so long has ended: the farm takes the handset back."""

RING_S = 2.5
"""How long a scripted call rings on a page, so that a person sees it."""

PAGE_WITHIN_S = 3.0
"""How long a page may take to answer."""

TAKEN_OVER = "another tab now uses this handset"


def page_topic(process: UUID) -> str:
    """Where the HTTP process `process` listens for what the farm asks of its pages."""
    return f"emulator.page.{process.hex}"


# to the farm ----------------------------------------------------------------------------------------------------------


class Attach(Struct, frozen=True, tag="attach"):
    """A page takes the handset over; answered by `Attached`. A line there was ends."""

    phone_number: PhoneNumber
    line: UUID
    process: UUID


class Keep(Struct, frozen=True, tag="keep"):
    """The line is still held, and this is how its page is; answered by `Done`, or refused when it has ended."""

    phone_number: PhoneNumber
    line: UUID
    connected: bool
    memory: Memory


class Detach(Struct, frozen=True, tag="detach"):
    """The page has gone; answered by `Done`. The farm is the handset again."""

    phone_number: PhoneNumber
    line: UUID


class Lost(Struct, frozen=True, tag="lost"):
    """The gateway ended the page's stream for good (4401, 4410); answered by `Done`."""

    phone_number: PhoneNumber
    line: UUID
    superseded: bool


class Register(Struct, frozen=True, tag="register"):
    """The app is signed in again after that; answered by `Attached`."""

    phone_number: PhoneNumber
    line: UUID


class Survey(Struct, frozen=True, tag="survey"):
    """How all handsets are; answered by `Surveyed`."""


FarmQuestion = Attach | Keep | Detach | Lost | Register | Survey


class Attached(Struct, frozen=True, tag="attached"):
    """The handset that the page now is, with its token."""

    handset: VirtualHandset


class Done(Struct, frozen=True, tag="done"):
    """It is done."""


class LastCall(Struct, frozen=True):
    """A call that the emulator placed; `number` counts those of one handset."""

    number: int
    caller: PhoneNumber
    outcome: CallEvent
    screen: Screen


class Glimpse(Struct, frozen=True, kw_only=True):
    """A handset as the wall shows it; `by_page` when a page is the handset."""

    phone_number: PhoneNumber
    os: str
    app_version: str
    script: Script
    time_zone: str
    online: bool
    registered: bool
    connected: bool
    by_page: bool
    memory: Memory
    last_call: LastCall | None


class Surveyed(Struct, frozen=True, tag="surveyed"):
    """Every handset."""

    handsets: list[Glimpse]


# to a page's process --------------------------------------------------------------------------------------------------


class LookAt(Struct, frozen=True, tag="look"):
    """What would show; answered by `Showed`."""

    line: UUID
    caller: PhoneNumber


class RingPage(Struct, frozen=True, tag="ring"):
    """A call that ends with `outcome` after `ring_s`, unless the user is quicker; answered by `Showed`."""

    line: UUID
    caller: PhoneNumber
    outcome: CallEvent
    ring_s: float


class Become(Struct, frozen=True, tag="become"):
    """The handset has changed (online, script); answered by `Became` when the page is as online as it should be."""

    line: UUID
    handset: VirtualHandset


class Hang(Struct, frozen=True, tag="hang"):
    """The line ends, and why; answered by `Became`. `again` when the page should take the handset over anew."""

    line: UUID
    reason: str
    again: bool = False


PageQuestion = LookAt | RingPage | Become | Hang


class Showed(Struct, frozen=True, tag="showed"):
    """What showed on the page, and how the call ended where there was one."""

    screen: Screen
    outcome: CallEvent | None = None


class Became(Struct, frozen=True, tag="became"):
    """It is so."""

    connected: bool


class Refused(Struct, frozen=True, tag="refused"):
    """It could not be done."""

    slug: str
    message: str


FarmAnswer = Attached | Done | Surveyed | Refused
PageAnswer = Showed | Became | Refused
_F = TypeVar("_F", Attached, Done, Surveyed)
P = TypeVar("P", Showed, Became)

_farm_questions = msgspec.json.Decoder(FarmQuestion)
_farm_answers = msgspec.json.Decoder(FarmAnswer)
_page_questions = msgspec.json.Decoder(PageQuestion)
_page_answers = msgspec.json.Decoder(PageAnswer)


def decode_farm_question(data: bytes) -> FarmQuestion:
    """What a process asks of the farm."""
    return _farm_questions.decode(data)


def decode_page_question(data: bytes) -> PageQuestion:
    """What the farm asks of a page."""
    return _page_questions.decode(data)


async def ask_farm(deps: Deps, question: FarmQuestion, kind: type[_F]) -> _F:
    """The farm's answer. Raises NotFound, Unavailable."""
    within = timedelta(seconds=PAGE_WITHIN_S * 2)
    came = _farm_answers.decode(await deps.fabric.ask(TOPIC, msgspec.json.encode(question), within))
    if isinstance(came, Refused):
        raise _error_of(came)
    assert isinstance(came, kind)  # noqa: S101 - each question has one kind of answer
    return came


async def ask_page(deps: Deps, process: UUID, question: PageQuestion, kind: type[P], within_s: float) -> P:
    """The page's answer. Raises NotFound when its process has no such line, Unavailable when it does not answer."""
    asked = msgspec.json.encode(question)
    came = _page_answers.decode(await deps.fabric.ask(page_topic(process), asked, timedelta(seconds=within_s)))
    if isinstance(came, Refused):
        raise _error_of(came)
    assert isinstance(came, kind)  # noqa: S101 - each question has one kind of answer
    return came


def refusal(exc: AppError) -> Refused:
    """The answer that an error of ours becomes."""
    return Refused(exc.slug, getattr(exc, "reason", exc.message))


def _error_of(refused: Refused) -> AppError:
    match refused.slug:
        case NotFound.slug:
            return NotFound(refused.message)
        case Unavailable.slug:
            return Unavailable(refused.message)
        case _:
            return AppError(refused.message)


# over the page's WebSocket --------------------------------------------------------------------------------------------

_Text = Annotated[str, Meta(max_length=2000)]


class HandsetOfPage(Struct, frozen=True, kw_only=True):
    """The handset as its page learns it."""

    phone_number: PhoneNumber
    os: str
    app_version: str
    online: bool
    registered: bool
    script: Script
    time_zone: str
    token: str | None

    @classmethod
    def of(cls, row: VirtualHandset) -> "HandsetOfPage":
        """What the page needs of `row`."""
        return cls(
            phone_number=row.phone_number,
            os=row.os.value,
            app_version=row.app_version,
            online=row.online,
            registered=row.registered,
            script=row.script,
            time_zone=row.time_zone,
            token=row.token,
        )


class ToPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to the page. `now` is the product clock in milliseconds; a message with an `id` wants an answer."""

    type: str = ""
    now: int = 0
    id: str | None = None
    handset: HandsetOfPage | None = None
    caller: str | None = None
    outcome: CallEvent | None = None
    reason: str | None = None
    again: bool = False


class PageState(Struct, frozen=True, tag="state"):
    """How the page is: whether its stream is open and synced, how many records it holds and had no room for."""

    connected: bool
    held: Annotated[int, Meta(ge=0)]
    refused: Annotated[int, Meta(ge=0)] = 0


class PageScreen(Struct, frozen=True, tag="screen"):
    """The answer to `look`, and the first one to `ring`."""

    id: _Text
    screen: Screen


class PageEnded(Struct, frozen=True, tag="ended"):
    """The second answer to `ring`: how the call ended, once the gateway has the reports."""

    id: _Text
    outcome: CallEvent


class PageBecame(Struct, frozen=True, tag="became"):
    """The answer to `handset`."""

    id: _Text
    connected: bool


class PageLost(Struct, frozen=True, tag="lost"):
    """The gateway ended the stream for good."""

    code: int


class PageRegister(Struct, frozen=True, tag="register"):
    """The user signs in again."""


FromPage = PageState | PageScreen | PageEnded | PageBecame | PageLost | PageRegister
_from_page = msgspec.json.Decoder(FromPage)


def decode_from_page(data: str | bytes) -> FromPage:
    """The page's message. Raises msgspec.DecodeError."""
    return _from_page.decode(data)
