"""What the pages show of virtual handsets, as the farm tells it: structures alone."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.calls.model import CallEvent
from callmark.domain.feedback.model import Question
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import Identity
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import HandsetStatus, Memory, Screen, Script


class CallOnScreen(Struct, frozen=True, kw_only=True):
    """A call as screens and histories show it; `outcome` is None while it rings. Instants in product milliseconds."""

    id: UUID
    caller: PhoneNumber
    outcome: CallEvent | None
    began: int
    ended: int | None
    screen: Screen


class AfterCallStep(StrEnum):
    """What a handset offers after a call, in this order."""

    CALLBACK = "callback"
    FEEDBACK = "feedback"
    THANKS = "thanks"


class AfterCallOnScreen(Struct, frozen=True, kw_only=True):
    """What the receiver may say now about the call that has ended; `thanks` is about the step before."""

    call: CallOnScreen
    step: AfterCallStep
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
    history: list[CallOnScreen]


class HandsetView(Struct, frozen=True, kw_only=True):
    """A handset as its own page shows it; `reason` says why its status is what it is, where that needs words."""

    glimpse: HandsetGlimpse
    reason: str
    held: list[Identity]
    """The newest of what it holds; the glimpse's `memory` has the count of all."""
    most_held: int
    after: AfterCallOnScreen | None
