"""One call as the handset that it rings sees it."""

import asyncio

import msgspec

from callmark.domain.calls.model import CallEvent
from callmark.domain.resolution.model import Offers
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import Seen
from callmark.surfaces.emulator.handsets.view_model import CallOnScreen


class PhoneCall:
    """A call on its way. `outcome` is None while it rings; it ends with `unanswered` when nobody touches the phone.

    `reported` is set once the gateway has its reports, or they are kept for it, or its screen has stopped; `asked_back`
    by the handset's script.
    """

    def __init__(self, caller: PhoneNumber, seen: Seen, began_ms: int, unanswered: CallEvent) -> None:
        self.id = random_uuid()
        self.caller = caller
        self.seen = seen
        self.began_ms = began_ms
        self.ended_ms: int | None = None
        self.outcome: CallEvent | None = None
        self.unanswered = unanswered
        self.reported = asyncio.Event()
        self.asked_back = False
        self.decided = asyncio.Event()

    def decide(self, outcome: CallEvent) -> CallEvent:
        """How it ends: the first word counts."""
        self.outcome = self.outcome or outcome
        self.decided.set()
        return self.outcome

    def on_screen(self) -> CallOnScreen:
        """As pages show it, and as the history keeps it once it has ended."""
        return CallOnScreen(
            id=self.id,
            caller=self.caller,
            outcome=self.outcome,
            began=self.began_ms,
            ended=self.ended_ms,
            screen=msgspec.structs.replace(self.seen.screen(), offers=Offers()),  # those show after the call
        )
