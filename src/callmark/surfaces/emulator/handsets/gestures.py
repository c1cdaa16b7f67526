"""What a person does with a virtual handset on its page."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from callmark.domain.feedback.model import MOST_QUESTIONS
from callmark.surfaces.emulator.handsets.model import AnswerIn
from callmark.surfaces.emulator.handsets.view_model import AfterCallStep


class Act(StrEnum):
    """The kinds of gestures."""

    RING = "ring"
    ANSWER = "answer"
    REJECT = "reject"
    HANG_UP = "hang_up"
    CALL_ME_BACK = "call_me_back"
    FEEDBACK = "feedback"
    SKIP = "skip"
    SIGN_IN = "sign_in"


class Gesture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One gesture. All but `ring` and `sign_in` name the `call` that the page shows; `skip` also its `step`.

    One about a call or a step that is over does nothing: someone else was quicker.
    """

    act: Act
    caller: str = ""
    call: UUID | None = None
    step: AfterCallStep | None = None
    slot: str | None = None
    interested: bool = True
    sim_unknown: bool = False
    alternate_number: str = ""
    answers: Annotated[list[AnswerIn], Meta(max_length=MOST_QUESTIONS)] = []
