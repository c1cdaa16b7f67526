"""The screens of the farm's handsets: what calls do on them, and what pages show of them."""

from collections.abc import Mapping

from callmark.domain.calls.model import CallEvent
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.handsets.answer_sender import AnswerSender
from callmark.surfaces.emulator.handsets.audience import WALL, Audience
from callmark.surfaces.emulator.handsets.behaviour import RING_S, ringing
from callmark.surfaces.emulator.handsets.call_screen import CallPlan, CallScreen
from callmark.surfaces.emulator.handsets.caller_lookup import look
from callmark.surfaces.emulator.handsets.gestures import Gesture
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.model import Screen, Seen, nothing
from callmark.surfaces.emulator.handsets.view_builder import glimpse_of, view_of

ON_WALL_FOR_S = 5.0
"""How long the wall shows a call that has ended, where nobody looks at the handset itself."""

SEEN_RING_S = 2.5
"""How long a script's call rings on a handset whose page is open, so that a person sees it."""

SURVEYED_AT_ONCE = 100
"""Two kilobytes each, more with long names; a message of NATS holds a megabyte."""


class FarmScreens:
    """A handset has one once it has rung. `rings_out_s` is how long a call rings that a person placed."""

    def __init__(self, answers: AnswerSender, audience: Audience, rings_out_s: float) -> None:
        self._answers = answers
        self._audience = audience
        self._rings_out_s = rings_out_s
        self._screens: dict[PhoneNumber, CallScreen] = {}

    def stop(self) -> None:
        """Ends the calls that people placed."""
        for screen in self._screens.values():
            screen.stop()

    def forget(self, phone: PhoneNumber) -> None:
        """That handset has not rung."""
        if screen := self._screens.pop(phone, None):
            screen.stop()

    async def look(self, handset: Handset | None, receiver: PhoneNumber, caller: PhoneNumber) -> Screen:
        """What would show; without a handset nothing."""
        return (await look(handset, caller) if handset else _nobody(receiver)).screen()

    async def ring(self, handset: Handset | None, ring: farm_api.Ring) -> farm_api.Rung:
        """Rings longer where a person looks on, who may be quicker than the script; else only the wall may show it."""
        if handset is None:
            return farm_api.Rung(_nobody(ring.receiver).screen(), ring.outcome or CallEvent.MISSED)
        how = ringing(handset.row.script, ring.outcome)
        plan = CallPlan(how.rings * RING_S, how.outcome, ON_WALL_FOR_S, ON_WALL_FOR_S, is_unseen=True)
        if self._audience.watches(ring.receiver):
            plan = CallPlan(SEEN_RING_S, how.outcome)
        call = await self._of(handset).ring(ring.caller, plan)
        return farm_api.Rung(call.seen.screen(), call.outcome or how.outcome)

    async def perform(self, handset: Handset, gesture: Gesture) -> str:
        """Does what a person wants; what they must correct first, else empty."""
        return await self._of(handset).perform(gesture)

    def show(self, handset: Handset) -> farm_api.HandsetPageShown:
        """What the handset's page shows."""
        phone = handset.row.phone_number
        self._audience.looks_at(phone)
        return farm_api.HandsetPageShown(view_of(handset, self._known(handset)))

    def survey(self, handsets: Mapping[PhoneNumber, Handset], after: PhoneNumber) -> farm_api.Surveyed:
        """What the wall shows of the next handsets after that number."""
        self._audience.looks_at(WALL)
        left = sorted(phone for phone in handsets if phone > after)
        glimpses = [
            glimpse_of(handsets[phone], self._known(handsets[phone]), is_watched=self._audience.watches(phone))
            for phone in left[:SURVEYED_AT_ONCE]
        ]
        return farm_api.Surveyed(glimpses, more=len(left) > SURVEYED_AT_ONCE)

    def _of(self, handset: Handset) -> CallScreen:
        if (screen := self._known(handset)) is None:
            phone = handset.row.phone_number
            self.forget(phone)
            screen = CallScreen(handset, self._answers, self._audience.changed, rings_out_s=self._rings_out_s)
            self._screens[phone] = screen
        return screen

    def _known(self, handset: Handset) -> CallScreen | None:
        """The handset's own, if it has rung. One that had its number before may have rung while it was replaced."""
        screen = self._screens.get(handset.row.phone_number)
        return screen if screen and screen.handset is handset else None


def _nobody(receiver: PhoneNumber) -> Seen:
    return nothing(f"{receiver} is not registered; no virtual handset has this number")
