"""What a virtual handset is, and what its screen shows."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from callmark.domain.calls.model import CallSource
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import Identity
from callmark.domain.resolution.model import ListedIdentity, Offers
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.time_zone import zone_of

LONGEST_DELAY_S = 3600
LONGEST_SLEEP_S = 7 * 86_400
MOST_RINGS = 10
"""After this many rings a caller gives up."""


class Script(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a virtual handset behaves where it differs from a plain one."""

    ack_delay_s: Annotated[float, Meta(ge=0, le=LONGEST_DELAY_S)] = 0.0
    """Seconds until it acknowledges a push; it holds the record at once."""

    drop_every: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Loses every n-th push: neither held nor acknowledged. 1 loses all, 0 none; what a sync brings is never lost."""

    drop_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Loses that share of pushes, drawn at random for each (by the seed, where one is set)."""

    answers_after_rings: Annotated[int, Meta(ge=0, le=MOST_RINGS)] = 0
    """Answers a call that asks for no outcome after this many rings; 0 lets it ring out."""

    rejects: bool = False
    """Rejects a call that asks for no outcome at its first ring, whatever else is set."""

    call_me_back: bool = False
    """Asks to be called back after each missed call whose caller offers it, in the first slot where there are any."""

    sleeps: bool = False
    """Holds no stream: a push wakes its app through the emulator's push service, and then it sleeps again."""

    wakes_after_s: Annotated[float, Meta(ge=0, le=LONGEST_SLEEP_S)] = 0.0
    """Seconds of the product clock from a wake-up until the app runs, as when the system saves power."""

    awake_for_s: Annotated[float, Meta(gt=0, le=LONGEST_DELAY_S)] = 5.0
    """Seconds that it stays connected once it was woken and has what it lacked."""

    loses_wake_ups: bool = False
    """The push service takes its wake-ups, and none arrives."""

    time_zone: Annotated[str, Meta(max_length=64)] | None = None
    """Its own time zone, by name or as an offset from UTC: slots are written in it. None: that of its number."""


class VirtualHandset(Struct, frozen=True, kw_only=True):
    """A virtual handset as the table keeps it. An unregistered one rings, but has no app; `token` is its own.

    `push_token` is the one by which its app is woken; only one that sleeps has it.
    """

    phone_number: PhoneNumber
    os: OS
    app_version: str
    online: bool
    registered: bool = True
    script: Script = Script()
    token: str | None = None
    push_token: str | None = None

    @property
    def time_zone(self) -> str:
        """The zone it is in, by name or as an offset from UTC."""
        return self.script.time_zone or zone_of(self.phone_number)


class HandsetStatus(StrEnum):
    """How a handset stands with the gateway, as its page says it."""

    CONNECTING = "connecting"
    ONLINE = "online"
    RECONNECTING = "reconnecting"
    OFFLINE = "offline"
    SLEEPING = "sleeping"
    """It has no stream until its app is woken."""
    UNREGISTERED = "unregistered"
    TAKEN = "taken"
    """Another stream with its token took the place of its own."""
    SIGNED_OUT = "signed-out"
    """Its number was registered on another device."""


class Memory(Struct, frozen=True):
    """How many records a handset holds, and how many pushes it did not take because it was full."""

    held: int = 0
    refused: int = 0


class Screen(Struct, frozen=True, kw_only=True):
    """What is on the screen when a caller rings; `name` None when nothing is. `why` is a sentence for people."""

    name: str | None
    call_reason: str | None
    logo_url: str | None
    verified: bool
    source: CallSource
    why: str
    offers: Offers


class Seen(Struct, frozen=True):
    """What a handset shows for a caller, and where that came from."""

    identity: Identity | ListedIdentity | None
    source: CallSource
    why: str
    offers: Offers

    @property
    def traceparent(self) -> str | None:
        """The trace of the push that brought it."""
        found = self.identity.traceparent if isinstance(self.identity, Identity) else None
        return found if isinstance(found, str) else None

    def screen(self) -> Screen:
        """As the control API tells it."""
        shown = self.identity
        return Screen(
            name=shown.name if shown else None,
            call_reason=shown.call_reason if shown else None,
            logo_url=shown.logo_url if shown else None,
            verified=shown.verified if shown else False,
            source=self.source,
            why=self.why,
            offers=self.offers,
        )


def nothing(why: str) -> Seen:
    """Only the bare number shows."""
    return Seen(None, CallSource.NONE, why, Offers())


class AnswerIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What the receiver says to one question."""

    question_id: str
    answer: str
