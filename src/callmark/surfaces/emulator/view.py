"""What the pages show of virtual handsets, as the farm tells it: structures alone."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.calls.model import CallEvent
from callmark.domain.feedback.model import Question
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import Identity
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.model import HandsetStatus, Memory, Screen, Script


class CallOnScreen(Struct, frozen=True, kw_only=True):
    """The call on a handset's screen; `outcome` is None while it rings. Instants: the product clock's milliseconds."""

    id: UUID
    caller: PhoneNumber
    outcome: CallEvent | None
    began: int
    ended: int | None
    screen: Screen


class PastCall(Struct, frozen=True, kw_only=True):
    """A line of a handset's call history."""

    at: int
    caller: PhoneNumber
    outcome: CallEvent
    name: str | None
    call_reason: str | None
    why: str


class Step(StrEnum):
    """What a handset offers after a call, in this order."""

    CALLBACK = "callback"
    FEEDBACK = "feedback"
    THANKS = "thanks"


class AfterCallOnScreen(Struct, frozen=True, kw_only=True):
    """What the receiver may say now about the call that has ended; `thanks` is about the step before."""

    call: CallOnScreen
    step: Step
    slot_picker: bool
    slots: list[str]
    questions: list[Question]
    thanks: str


class HandsetGlimpse(Struct, frozen=True, kw_only=True):
    """A handset as the wall shows it; `is_watched` while a page of its own is open. `history` is the newest first."""

    phone_number: PhoneNumber
    os: OS
    app_version: str
    script: Script
    time_zone: str
    online: bool
    status: HandsetStatus
    memory: Memory
    is_watched: bool
    call: CallOnScreen | None
    history: list[PastCall]


class HandsetView(HandsetGlimpse, frozen=True, kw_only=True):
    """A handset as its own page shows it; `reason` says why its status is what it is, where that needs words."""

    reason: str
    held: list[Identity]
    """The newest of what it holds; `memory` has the count of all."""
    most_held: int
    after: AfterCallOnScreen | None
