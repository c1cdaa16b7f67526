"""A virtual handset as a test uses it: it rings, shows who calls, and its owner answers."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from callmark.testing.control import Control, EmulatorError

CallOutcome: TypeAlias = Literal["answered", "missed", "rejected"]
HandsetOS: TypeAlias = Literal["android", "ios"]
_BEGUN = "slot is not one of the slots offered now"
"""The refusal of a slot that began between the call and the request."""


class ScreenQuestion(Struct, frozen=True):
    """A question of a campaign; without `options` any text will do."""

    id: str
    text: str
    kind: str
    options: list[str] = []


class ScreenCampaign(Struct, frozen=True):
    """A campaign that asks after calls of these types."""

    id: str
    name: str
    type: str
    call_types: list[str]
    question_ids: list[str] = []


class ScreenOffers(Struct, frozen=True):
    """What the screen offers after the call."""

    call_me_back: bool = False
    config_name: str | None = None
    slot_picker: bool = False
    slots: list[str] = []
    campaigns: list[ScreenCampaign] = []
    questions: list[ScreenQuestion] = []


class ShownScreen(Struct, frozen=True):
    """What shows when a number rings; `name` and `reason` are None when it is the bare number."""

    name: str | None = None
    reason: str | None = field(default=None, name="call_reason")
    logo_url: str | None = None
    verified: bool = False
    source: str | None = None
    """`call_record` or `listed_number`."""
    why: str = ""
    """The cause in words, for people who read a failed test."""
    outcome: CallOutcome | None = None
    """How the call ended; None of a screen that was only viewed."""
    offers: ScreenOffers = ScreenOffers()


class _HandsetState(Struct, frozen=True):
    phone_number: str
    asleep: bool


class EmulatorHandset:
    """A phone with the app on it; `number` is its own."""

    def __init__(self, number: str, control: Control, *, has_script: bool) -> None:
        self.number = number
        self._control = control
        self._has_script = has_script
        self._calls: dict[str, ShownScreen] = {}
        self._last = ""

    def __repr__(self) -> str:
        return f"EmulatorHandset({self.number!r})"

    def ring(self, caller: str, *, outcome: CallOutcome | None = None) -> ShownScreen:
        """A call from `caller`: what shows. Returns when the call has ended and the platform knows of it.

        It ends as `outcome` says; without one as the handset's script says, and `answered` if it has no script.
        """
        wanted = outcome or (None if self._has_script else "answered")
        ends = {"outcome": wanted} if wanted else {}
        screen = self._control.ask("POST", "calls", ShownScreen, caller=caller, receiver=self.number, **ends)
        self._last = caller.removeprefix("+")
        self._calls[self._last] = screen
        return screen

    def screen(self, caller: str) -> ShownScreen:
        """What would show if `caller` rang now."""
        return self._control.ask("GET", f"handsets/{self.number}/screen?caller={caller.removeprefix('+')}", ShownScreen)

    def call_me_back(
        self,
        number: str | None = None,
        *,
        slot: str | None = None,
        interested: bool = True,
        sim_unknown: bool = False,
        alternate_number: str | None = None,
    ) -> str:
        """Asks the last missed caller, or `number`, to call back; the request's id.

        In the first slot that the call offered and that has not begun, if it is interested and no `slot` is given.
        """
        business, screen = self._call_of(number)
        body: dict[str, Any] = {"business_number": business, "interested": interested, "sim_unknown": sim_unknown}
        body["alternate_number"] = alternate_number
        if slot or not interested or not screen.offers.slots:
            return self._ask_back(slot=slot, **body)
        first, *later = screen.offers.slots
        try:
            return self._ask_back(slot=first, **body)
        except EmulatorError as exc:
            if not later or _BEGUN not in str(exc):
                raise
            return self._ask_back(slot=later[0], **body)

    def feedback(self, *answers: str, number: str | None = None) -> str:
        """Answers the campaign of the last caller, or of `number`, question by question; the call's id."""
        business, screen = self._call_of(number)
        call_type = "answered" if screen.outcome == "answered" else "missed"
        campaign = next((one for one in screen.offers.campaigns if call_type in one.call_types), None)
        if campaign is None:
            raise EmulatorError(f"{business} asks nothing after {call_type} calls: {screen.why}")
        if len(answers) > len(campaign.question_ids):
            texts = {one.id: one.text for one in screen.offers.questions}
            asked = [texts.get(one, one) for one in campaign.question_ids]
            raise EmulatorError(f"{len(answers)} answers to {len(asked)} questions: {'; '.join(asked)}")
        given = zip(campaign.question_ids, answers, strict=False)
        body = {
            "business_number": business,
            "campaign_id": campaign.id,
            "call_type": call_type,
            "answers": [{"question_id": question, "answer": answer} for question, answer in given],
        }
        return self._control.ask("POST", f"handsets/{self.number}/feedback", dict[str, Any], **body)["call_id"]

    def go_offline(self) -> None:
        """Closes its stream; pushes no longer reach it."""
        self._change(online=False)

    def go_online(self) -> None:
        """Connects, and gets what it has missed."""
        self._change(online=True)

    def follow(self, script: Mapping[str, object]) -> None:
        """Behaves as `script` says from now on (docs/emulator.md)."""
        self._change(script=dict(script))
        self._has_script = bool(script)

    @property
    def asleep(self) -> bool:
        """Whether it waits to be woken: its script has `sleeps`."""
        found = self._control.ask("GET", "handsets", list[_HandsetState])
        return any(one.asleep for one in found if one.phone_number == self.number)

    def uninstall(self) -> None:
        """The app is gone: the number is no user's any longer.

        One that sleeps cannot say so; the platform learns it with the next wake-up.
        """
        self._control.tell("DELETE", f"handsets/{self.number}")

    def _ask_back(self, **body: object) -> str:
        answer = self._control.ask("POST", f"handsets/{self.number}/call-me-back", dict[str, Any], **body)
        return answer["request_id"]

    def _change(self, **keys: object) -> None:
        self._control.ask("PATCH", f"handsets/{self.number}", _HandsetState, **keys)

    def _call_of(self, number: str | None) -> tuple[str, ShownScreen]:
        business = (number or self._last).removeprefix("+")
        if business not in self._calls:
            by = f"{business} has not rung" if business else "there was no call to"
            raise EmulatorError(f"{by} {self.number}: call `ring` first")
        return business, self._calls[business]
