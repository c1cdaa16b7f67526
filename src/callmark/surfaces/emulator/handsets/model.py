"""What a virtual handset is, and what its screen shows."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from callmark.domain.calls.model import CallSource
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import CallReason, Identity, Verified
from callmark.domain.resolution.model import ListedIdentity, Offers
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.time_zone import zone_of
from callmark.surfaces.gateway.wire import AfterTheCall, Answer, Source, Why

LONGEST_DELAY_S = 3600
LONGEST_SLEEP_S = 7 * 86_400
MOST_RINGS = 10
"""After this many rings a caller gives up."""


class Script(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a virtual handset behaves where it differs from a plain one."""

    ack_delay_s: Annotated[
        Annotated[float, Meta(ge=0, le=LONGEST_DELAY_S)],
        Meta(description="Seconds until it acknowledges a push; it holds the record at once."),
    ] = 0.0
    drop_every: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)],
        Meta(description="Loses every n-th push; 1 loses all, 0 none. What a sync brings is never lost."),
    ] = 0
    drop_share: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(description="Loses that share of pushes, drawn at random for each (by the seed, where one is set)."),
    ] = 0.0
    answers_after_rings: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_RINGS)],
        Meta(description="Answers a call that asks for no outcome after this many rings; 0 lets it ring out."),
    ] = 0
    rejects: Annotated[
        bool, Meta(description="Rejects a call that asks for no outcome at its first ring, whatever else is set.")
    ] = False
    call_me_back: Annotated[
        bool,
        Meta(description="Asks to be called back, in the first slot if any, after each missed call that offers it."),
    ] = False
    sleeps: Annotated[
        bool,
        Meta(description="Holds no stream: the emulator's push service wakes it for a push, and then it sleeps again."),
    ] = False
    wakes_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=LONGEST_SLEEP_S)],
        Meta(description="Seconds of the product clock from a wake-up until the app runs, as when power is saved."),
    ] = 0.0
    awake_for_s: Annotated[
        Annotated[float, Meta(gt=0, le=LONGEST_DELAY_S)],
        Meta(description="Seconds that it stays connected once it was woken and has what it lacked."),
    ] = 5.0
    loses_wake_ups: Annotated[bool, Meta(description="The push service takes its wake-ups, and none arrives.")] = False
    time_zone: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        Meta(description="Its time zone, a name or an offset from UTC; slots are written in it. Null: its number's."),
    ] = None


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
    """What is on the screen when a caller rings."""

    name: Annotated[str | None, Meta(description="The first line on the screen; null when nothing shows.")]
    call_reason: CallReason
    logo_url: Annotated[str | None, Meta(description="A picture that never changes; null when nothing shows.")]
    verified: Verified
    source: Source
    why: Why
    offers: AfterTheCall


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

    question_id: Annotated[str, Meta(description="The question, as offered.")]
    answer: Answer
