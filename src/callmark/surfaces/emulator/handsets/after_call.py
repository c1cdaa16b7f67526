"""What a receiver may say after a call, step by step: to be called back, then feedback, then the thanks for it."""

import re
from datetime import datetime

from callmark.domain.calls.model import CallEvent
from callmark.domain.feedback.model import CallType, Question
from callmark.kit.ids import random_uuid
from callmark.kit.phone import parse_loose
from callmark.surfaces.emulator.handsets.answer_sender import SentFeedback
from callmark.surfaces.emulator.handsets.gestures import Gesture
from callmark.surfaces.emulator.handsets.model import AnswerIn
from callmark.surfaces.emulator.handsets.phone_call import PhoneCall
from callmark.surfaces.emulator.handsets.view_model import AfterCallOnScreen, AfterCallStep
from callmark.surfaces.gateway.wire import CallMeBackBody

NOT_SENT = "This could not be sent. Try again in a moment."
_IN_PEOPLES_WORDS = (
    ("business_number", "This business no longer offers this."),
    ("slot", "That time is no longer available. Choose another one."),
    ("campaign_id", "These questions are no longer asked."),
    ("this campaign", "These questions are no longer asked."),
)
_BETWEEN_DIGITS = re.compile(r"[\s+()-]")


class AfterCall:
    """What is left to say about a call that has ended.

    A request to be called back keeps its id however often it is sent, so that the business gets one.
    """

    def __init__(self, call: PhoneCall) -> None:
        offers = call.seen.offers
        self.call = call
        self._thanks = ""
        self._offers = offers
        self._call_type = CallType.ANSWERED if call.outcome is CallEvent.ANSWERED else CallType.MISSED
        self._campaign = next((one for one in offers.campaigns if self._call_type in one.call_types), None)
        self._request_id = random_uuid()
        self._steps: list[AfterCallStep] = []
        if self._call_type is CallType.MISSED and offers.call_me_back and not call.asked_back:
            self._steps.append(AfterCallStep.CALLBACK)
        if self._campaign:
            self._steps.append(AfterCallStep.FEEDBACK)

    @property
    def step(self) -> AfterCallStep | None:
        """What the screen offers now; None when all is said."""
        return self._steps[0] if self._steps else None

    def on_screen(self) -> AfterCallOnScreen | None:
        """As pages show it."""
        if (step := self.step) is None:
            return None
        return AfterCallOnScreen(
            call=self.call.on_screen(),
            step=step,
            slot_picker=self._offers.slot_picker,
            slots=self._offers.slots if step is AfterCallStep.CALLBACK else [],
            questions=self._questions() if step is AfterCallStep.FEEDBACK else [],
            thanks=self._thanks,
        )

    def skip(self) -> None:
        """On to the next step, without a word."""
        self._steps.pop(0)

    def done(self, thanks: str) -> None:
        """The step was received."""
        self._thanks = thanks
        self._steps.pop(0)
        if not self._steps:
            self._steps.append(AfterCallStep.THANKS)

    def fault(self, said: Gesture) -> str:
        """What the receiver must correct first, in their words; empty when it can be sent."""
        if self.step is AfterCallStep.FEEDBACK:
            return "" if _given(said) else "Answer a question first."
        if not said.interested:
            return ""
        if self._offers.slot_picker and not said.slot:
            return "Choose a time first."
        if said.alternate_number and not parse_loose(digits(said.alternate_number)):
            return "Enter the other number with its country code, 7 to 15 digits in total."
        if digits(said.alternate_number).removeprefix("+") == self.call.caller:
            return "Enter a number of your own: this is the number that called."
        return ""

    def request(self, said: Gesture) -> CallMeBackBody:
        """The request to be called back, or that they are not interested."""
        return CallMeBackBody(
            request_id=self._request_id,
            business_number=self.call.caller,
            interested=said.interested,
            slot=said.slot if said.interested else None,
            sim_unknown=said.sim_unknown,
            alternate_number=(digits(said.alternate_number) if said.interested else "") or None,
        )

    def feedback(self, said: Gesture) -> SentFeedback:
        """The answers to the campaign."""
        assert self._campaign  # noqa: S101 - without one there is no such step
        call, campaign = self.call, self._campaign
        return SentFeedback(str(call.id), call.caller, str(campaign.id), self._call_type.value, _given(said))

    def _questions(self) -> list[Question]:
        by_id = {one.id: one for one in self._offers.questions}
        return [by_id[one] for one in self._campaign.question_ids] if self._campaign else []


def thanks_for(said: Gesture) -> str:
    """What the phone says once the gateway has it."""
    if said.answers:
        return "Your answer was sent."
    if not said.interested:
        return "The business will see that you are not interested."
    if not said.slot:
        return "You will be called back."
    at = datetime.fromisoformat(said.slot)
    return f"You will be called back on {at:%A, %B} {at.day} at {at:%H:%M}."


def sentence(message: str) -> str:
    """What the gateway refused something with, for people."""
    for said, words in _IN_PEOPLES_WORDS:
        if message.startswith(said):
            return words
    return f"{message[:1].upper()}{message[1:]}."


def digits(number: str) -> str:
    """A number without what people write between its digits."""
    return _BETWEEN_DIGITS.sub("", number)


def _given(said: Gesture) -> list[AnswerIn]:
    return [one for one in said.answers if one.answer.strip()]
