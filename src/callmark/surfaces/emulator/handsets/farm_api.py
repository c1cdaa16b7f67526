"""What HTTP processes ask of the farm, over the fabric, and what the farm answers and announces."""

from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.feedback.model import CallType
from callmark.domain.handsets.model import OS
from callmark.kit.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.gestures import Gesture
from callmark.surfaces.emulator.handsets.model import AnswerIn, Memory, Screen, Script, VirtualHandset
from callmark.surfaces.emulator.handsets.view_model import HandsetGlimpse, HandsetView

TOPIC = "emulator.farm"
CHANGED = "emulator.changed"
"""Announced with the numbers of handsets that someone watches, when what they show has changed."""

CLOCK_MOVED = "emulator.clock"
"""Announced when the clock has been moved and every process knows it."""

READY_WITHIN_S = 8.0
"""How long the farm waits for a handset to become as online as it should be, before it answers anyway."""

_WITHIN = timedelta(seconds=READY_WITHIN_S + 7)


class Make(Struct, frozen=True, tag="make"):
    """A fresh installation of the app on this number; answered by `Made`."""

    handset: VirtualHandset


class Change(Struct, frozen=True, kw_only=True, tag="change"):
    """What is set changes; answered by `Made`. Another OS or app version registers again."""

    phone_number: PhoneNumber
    os: OS | UnsetType = UNSET
    app_version: str | UnsetType = UNSET
    online: bool | UnsetType = UNSET
    script: Script | UnsetType = UNSET


class Remove(Struct, frozen=True, tag="remove"):
    """The app is uninstalled and the handset gone; answered by `Done`.

    One that sleeps cannot say so: the platform learns it from the push service.
    """

    phone_number: PhoneNumber


class Look(Struct, frozen=True, tag="look"):
    """What would show; answered by `ScreenShown`."""

    receiver: PhoneNumber
    caller: PhoneNumber


class Ring(Struct, frozen=True, tag="ring"):
    """A call, which ends by the handset's script when no outcome is asked for; answered by `Rung`."""

    receiver: PhoneNumber
    caller: PhoneNumber
    outcome: CallEvent | None


class AskBack(Struct, frozen=True, kw_only=True, tag="ask_back"):
    """The receiver asks to be called back, or is not interested; answered by `AskedBack`."""

    receiver: PhoneNumber
    business_number: PhoneNumber
    slot: str | None
    interested: bool
    sim_unknown: bool
    alternate_number: PhoneNumber | None


class Respond(Struct, frozen=True, kw_only=True, tag="respond"):
    """The receiver answers a campaign after the newest call of that type; answered by `Responded`."""

    receiver: PhoneNumber
    business_number: PhoneNumber
    campaign_id: str
    call_type: CallType
    answers: list[AnswerIn]


class Show(Struct, frozen=True, tag="show"):
    """What the handset shows now on its page; answered by `HandsetPageShown`."""

    receiver: PhoneNumber


class Survey(Struct, frozen=True, tag="survey"):
    """What the next handsets show, by number, those after `after`; answered by `Surveyed`."""

    after: PhoneNumber = PhoneNumber("")


class Perform(Struct, frozen=True, tag="perform"):
    """A person does something with the handset on its page; answered by `Performed`."""

    receiver: PhoneNumber
    gesture: Gesture


class Count(Struct, frozen=True, tag="count"):
    """How the handsets are; answered by `Counted`."""


class Wake(Struct, frozen=True, tag="wake"):
    """The push service has a message for the app with this token; answered by `Done`, NotFound when there is none."""

    push_token: str


class TakeSeed(Struct, frozen=True, tag="take_seed"):
    """Another seed is in the table: all handsets count and draw again; answered by `Done`."""


class TakeFaults(Struct, frozen=True, tag="take_faults"):
    """Other faults are in the table; answered by `Done`."""


class Reset(Struct, frozen=True, tag="reset"):
    """Back to the handsets as seeded, which hold nothing; answered by `Done` when they are as online as they should."""


class Halt(Struct, frozen=True, tag="halt"):
    """Every handset ends its stream until `Reload`; answered by `Done`."""


class Reload(Struct, frozen=True, tag="reload"):
    """The handsets are those of the table, and records on their way are lost; answered by `Done` as `Reset`.

    Of records with ids from `forgotten_after` on: older ones are of the state that was restored.
    """

    forgotten_after: UUID


OnHandset = Look | Ring | AskBack | Respond | Show | Perform
"""What is asked of one handset as its receiver knows it."""

OnAll = TakeSeed | TakeFaults | Reset | Halt | Reload
"""What is asked of all handsets; answered by `Done`."""

Question = OnHandset | OnAll | Make | Change | Remove | Survey | Count | Wake


class Made(Struct, frozen=True, tag="made"):
    """A handset as it is now."""

    handset: VirtualHandset
    connected: bool
    memory: Memory = Memory()
    is_asleep: bool = False


class ScreenShown(Struct, frozen=True, tag="shown"):
    """What shows."""

    screen: Screen


class Rung(Struct, frozen=True, tag="rung"):
    """What showed on a call, and how it ended."""

    screen: Screen
    outcome: CallEvent


class AskedBack(Struct, frozen=True, tag="asked_back"):
    """It is stored, under this id of the handset's making."""

    request_id: UUID


class Responded(Struct, frozen=True, tag="responded"):
    """It is stored: the answer about this call."""

    call_id: UUID


class HandsetPageShown(Struct, frozen=True, tag="shows"):
    """What the handset's page shows."""

    view: HandsetView


class Surveyed(Struct, frozen=True, tag="surveyed"):
    """Some of what the wall shows, by number: as much as one message holds. There may be `more`."""

    handsets: list[HandsetGlimpse]
    more: bool


class Performed(Struct, frozen=True, tag="performed"):
    """It is done, unless the person must correct a `problem` first, in their words."""

    problem: str


class Done(Struct, frozen=True, tag="done"):
    """The farm has done what it was asked to do."""


class Counted(Struct, frozen=True, tag="counted"):
    """The memory of each handset by its number, the numbers whose streams are open, and those that sleep."""

    memories: dict[PhoneNumber, Memory]
    connected: list[PhoneNumber]
    asleep: list[PhoneNumber] = []


class FarmRefusal(Struct, frozen=True, tag="refused"):
    """It could not be done."""

    slug: str
    message: str


AnswerOnHandset = ScreenShown | Rung | AskedBack | Responded | HandsetPageShown | Performed
Answer = AnswerOnHandset | Made | Surveyed | Done | Counted | FarmRefusal
_A = TypeVar("_A", Made, ScreenShown, Rung, AskedBack, Responded, HandsetPageShown, Surveyed, Performed, Done, Counted)

_questions = msgspec.json.Decoder(Question)


def decode_question(data: bytes) -> Question:
    """What is asked."""
    return _questions.decode(data)


async def ask(deps: Deps, question: Question, kind: type[_A], within: timedelta = _WITHIN) -> _A:
    """The farm's answer. Raises what the farm refused it with; Unavailable when the farm does not run."""
    answer = await deps.fabric.ask(TOPIC, msgspec.json.encode(question), within)
    came: _A | FarmRefusal = msgspec.json.decode(answer, type=kind | FarmRefusal)
    if isinstance(came, FarmRefusal):
        raise _error_of(came)
    return came


def _error_of(refused: FarmRefusal) -> AppError:
    match refused.slug:
        case NotFound.slug:
            return NotFound(refused.message)
        case Conflict.slug:
            return Conflict(refused.message)
        case InvalidInput.slug:
            return InvalidInput(refused.message)
        case Unavailable.slug:
            return Unavailable(refused.message)
        case _:
            return AppError(refused.message)
