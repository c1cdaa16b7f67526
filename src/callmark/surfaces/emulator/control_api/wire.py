"""The JSON of the control API, in and out, and how its bodies are read."""

from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request

from callmark.broken_json import NOT_JSON
from callmark.domain.calls.model import CallEvent
from callmark.domain.events.model import EventType
from callmark.domain.feedback.model import MOST_QUESTIONS, CallType
from callmark.domain.handsets.model import OS, parse_version
from callmark.domain.labels.model import LabelType
from callmark.domain.limits.model import MOST_KEYS
from callmark.domain.personalisation.handset_messages import CallerNumber
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput, UnsupportedMedia
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.kit.zones import device_zone
from callmark.surfaces.api.own.shapes import Instant
from callmark.surfaces.bodies import decode_clean, explained, read_text
from callmark.surfaces.emulator.handsets.held_identities import MOST_HELD
from callmark.surfaces.emulator.handsets.model import AnswerIn, Memory, Screen, Script, VirtualHandset
from callmark.surfaces.gateway.wire import (
    ALTERNATE_NUMBER,
    ANSWERS,
    APP_VERSION,
    SLOT,
    BusinessNumber,
    CallId,
    Interested,
    OwnNumber,
    RequestId,
    SimUnknown,
)
from callmark.surfaces.http import check_media_type, header

LARGEST_BODY_BYTES = 16 * 1024
MOST_FAULTS = 1_000_000
LONGEST_LATENCY_MS = 60_000
FURTHEST_S = 400 * 86_400
"""How far one request may move the clock: 400 days."""

EndName = Literal["answered", "missed", "rejected"]
"""The events of a call that end it."""

_Int64 = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
_ONLINE = "Whether it should be connected."
_SCRIPT = "How it behaves where it differs from a plain handset"
CampaignId = Annotated[str, Meta(description="The campaign, as offered.")]
FaultSlug = Annotated[str | None, Meta(description="The error's slug; null for none.")]
LatencyMs = Annotated[int, Meta(description="Milliseconds that each request of the REST API waits first.")]
DropEvery = Annotated[int, Meta(description="Loses every n-th push; 1 loses all, 0 none.")]


class ClockIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to move the clock."""

    advance_s: Annotated[
        float, Meta(description=f"Seconds to move the clock on: more than 0, at most {FURTHEST_S:,} (400 days).")
    ]


class ClockOut(Struct, frozen=True):
    """The product clock, ISO-8601."""

    now: Annotated[Instant, Meta(description="The product clock.")]


class HandsetIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A handset to make; what is left out is a plain one's."""

    phone_number: OwnNumber
    os: Annotated[OS | UnsetType, Meta(description="What it runs; `android` when left out.")] = UNSET
    app_version: Annotated[str | UnsetType, Meta(description=APP_VERSION)] = UNSET
    online: Annotated[bool | UnsetType, Meta(description=_ONLINE)] = UNSET
    script: Annotated[Script | UnsetType, Meta(description=f"{_SCRIPT}.")] = UNSET


class HandsetChangeIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a handset."""

    phone_number: Annotated[str | UnsetType, Meta(description="May only repeat that of the path.")] = UNSET
    os: Annotated[OS | UnsetType, Meta(description="What it runs; another one registers again.")] = UNSET
    app_version: Annotated[str | UnsetType, Meta(description=APP_VERSION)] = UNSET
    online: Annotated[bool | UnsetType, Meta(description=_ONLINE)] = UNSET
    script: Annotated[Script | UnsetType, Meta(description=f"{_SCRIPT}; replaces the old one whole.")] = UNSET


class HandsetOut(Struct, frozen=True):
    """A virtual handset."""

    phone_number: OwnNumber
    os: Annotated[OS, Meta(description="What it runs.")]
    app_version: Annotated[str, Meta(description=APP_VERSION)]
    online: Annotated[bool, Meta(description=_ONLINE)]
    script: Annotated[Script, Meta(description=f"{_SCRIPT}.")]
    time_zone: Annotated[str, Meta(description="Its time zone, a name or an offset from UTC.")]
    registered: Annotated[
        bool, Meta(description="Whether the app on it has a registration; without one it rings and shows nothing.")
    ]
    connected: Annotated[bool, Meta(description="Whether its stream is open at this moment.")]
    asleep: Annotated[bool, Meta(description="Whether it has no stream and waits to be woken.")]
    held: Annotated[int, Meta(description="How many records it holds.")]
    most_held: Annotated[int, Meta(description="How many records it holds at most.")]
    refused_pushes: Annotated[
        int, Meta(description="Pushes that it did not take, and did not acknowledge, because it was full.")
    ]

    @classmethod
    def of(cls, handset: VirtualHandset, *, connected: bool, asleep: bool, memory: Memory) -> "HandsetOut":
        """What the control API tells of `handset`."""
        return cls(
            handset.phone_number,
            handset.os,
            handset.app_version,
            handset.online,
            handset.script,
            handset.time_zone,
            handset.registered,
            connected,
            asleep,
            memory.held,
            MOST_HELD,
            memory.refused,
        )


class CallIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call to place, and how it is to end."""

    caller: CallerNumber
    receiver: Annotated[str, Meta(description="The number that is called. Country code and digits.")]
    outcome: Annotated[
        EndName | UnsetType,
        Meta(description="How the call is to end; the handset's script decides when it is left out."),
    ] = UNSET


class CallOut(Screen, frozen=True, kw_only=True):
    """What showed on a call, and how it ended."""

    outcome: Annotated[CallEvent, Meta(description="How the call ended.")]


class CallMeBackIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the receiver asks a business for after a missed call."""

    business_number: BusinessNumber
    slot: Annotated[str | None, Meta(description=SLOT)] = None
    interested: Interested = True
    sim_unknown: SimUnknown = False
    alternate_number: Annotated[str | None, Meta(description=ALTERNATE_NUMBER)] = None


class CallMeBackOut(Struct, frozen=True):
    """The request as the gateway has stored it, and the id that the handset made for it."""

    request_id: RequestId
    business_number: BusinessNumber
    interested: Interested
    slot: Annotated[str | None, Meta(description=SLOT)]
    sim_unknown: SimUnknown
    alternate_number: Annotated[str | None, Meta(description=ALTERNATE_NUMBER)]


class FeedbackIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the receiver answers to a campaign after a call."""

    business_number: BusinessNumber
    campaign_id: CampaignId
    call_type: Annotated[CallType, Meta(description="How the call ended.")]
    answers: Annotated[list[AnswerIn], Meta(description=ANSWERS, max_length=MOST_QUESTIONS)]


class FeedbackOut(Struct, frozen=True):
    """The call that was answered about, and the campaign."""

    call_id: CallId
    business_number: BusinessNumber
    campaign_id: CampaignId
    call_type: Annotated[CallType, Meta(description="How the call ended.")]


class SeedIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The seed of the handsets' randomness."""

    seed: Annotated[_Int64, Meta(description="A whole number of 64 bits, with a sign.", ge=-(2**63), le=2**63 - 1)]


class SeedOut(Struct, frozen=True):
    """The seed of the handsets' randomness."""

    seed: Annotated[_Int64 | None, Meta(description="A whole number of 64 bits; null when none is set.")]


class FaultsIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The faults to set in place of those there are; what is left out is not set."""

    status: Annotated[int | None, Meta(description="The status to fail with; the slug alone will do, too.")] = None
    slug: FaultSlug = None
    count: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_FAULTS)] | None,
        Meta(description="How many requests fail; 1 when it is left out beside a status or slug."),
    ] = None
    latency_ms: Annotated[LatencyMs, Meta(ge=0, le=LONGEST_LATENCY_MS)] = 0
    drop_every: Annotated[DropEvery, Meta(ge=0, le=1_000_000)] = 0


AccessName = Literal["call_personalisation", "number_management", "call_me_back", "user_feedback", "management"]
"""What a key gives access to, by its name."""


class WantedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key pair to make."""

    name: Annotated[str, Meta(description="The key's name.")] = "Test"
    features: Annotated[
        list[AccessName] | UnsetType,
        Meta(description="What the key gives access to; the account's features when left out, without `management`."),
    ] = UNSET


class WantedMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to make."""

    email: Annotated[str, Meta(description="Their email address.")]
    name: Annotated[str, Meta(description="Their name.")] = "Test"
    role: Annotated[Role | UnsetType, Meta(description="What they may do; `admin` when left out.")] = UNSET
    password: Annotated[
        str | UnsetType,
        Meta(description="Their password for the console; made up when left out."),
    ] = UNSET


class WantedLabel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label to make; its logo is its first letter."""

    name: Annotated[str, Meta(description="The label's name.")]
    type: Annotated[LabelType | UnsetType, Meta(description="What the label is for; `dynamic` when left out.")] = UNSET


class WantedAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to make."""

    name: Annotated[str, Meta(description="The account's name.")]
    features: Annotated[
        list[Feature] | UnsetType,
        Meta(description="What the account subscribes to; everything when left out."),
    ] = UNSET
    keys: Annotated[
        Annotated[list[WantedKey], Meta(max_length=MOST_KEYS)] | UnsetType,
        Meta(description="Its keys; one when left out."),
    ] = UNSET
    members: Annotated[list[WantedMember], Meta(description="Its people.", max_length=100)] = []
    labels: Annotated[
        Annotated[list[WantedLabel], Meta(max_length=100)] | UnsetType,
        Meta(description="Its labels; a dynamic one of the account's name when left out."),
    ] = UNSET


class WantedWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to make."""

    client_account_id: Annotated[UUID, Meta(description="The account.")]
    url: Annotated[
        str, Meta(description="Where its events are sent: a public address, one of this machine, or a sink's.")
    ]
    event_types: Annotated[
        list[EventType] | UnsetType, Meta(description="The kinds of events that it gets; all when left out.")
    ] = UNSET


class NothingIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: the path says it all."""


class ResetIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to go back: to the seed, or (without `to`) to before anything happened."""

    to: Annotated[Literal["seed"] | UnsetType, Meta(description="`seed`: nothing stays but what was seeded.")] = UNSET


_T = TypeVar("_T", bound=Struct)


async def read(request: Request, kind: type[_T], *, empty: bytes = b"", largest_bytes: int = LARGEST_BODY_BYTES) -> _T:
    """The body as `kind`; one that is not there counts as `empty`.

    Raises UnsupportedMedia, PayloadTooLarge, InvalidInput that names the field at fault.
    """
    check_media_type(request.scope)
    body = await read_text(request.scope, request.receive, largest_bytes)
    if body and header(request.scope, b"content-type") is None:  # any site's page can have a browser send such a body
        raise UnsupportedMedia
    try:
        return decode_clean(kind, body or empty)
    except msgspec.ValidationError as exc:
        raise explained(exc, kind, _INNER) from exc
    except NOT_JSON as exc:
        raise InvalidInput("request body is not valid JSON") from exc


def phone(text: str, field: str) -> PhoneNumber:
    """The number of `field`, with or without `+`. Raises InvalidInput."""
    number = parse_loose(text.strip())
    if number is None:
        raise InvalidInput(
            f"{field} is not a valid phone number; write the country code and the number in digits", field=field
        )
    return number


def path_phone(request: Request) -> PhoneNumber:
    """The phone number in the path. Raises InvalidInput."""
    return phone(request.path_params["phone"], "the phone number in the path")


def version(text: str) -> str:
    """The app version, checked. Raises InvalidInput."""
    parse_version(text)
    return text


def script(given: Script) -> Script:
    """The script, checked. Raises InvalidInput."""
    if given.time_zone is not None:
        device_zone(given.time_zone, "script.time_zone")
    return given


def advance(seconds: float) -> float:
    """How far to move the clock, checked. Raises InvalidInput."""
    if not 0 < seconds <= FURTHEST_S:
        raise InvalidInput(f"advance_s must be more than 0 and at most {FURTHEST_S} (400 days)", field="advance_s")
    return seconds


_INNER: dict[str, type[Struct]] = {
    "script": Script,
    "answers": AnswerIn,
    "keys": WantedKey,
    "members": WantedMember,
    "labels": WantedLabel,
}
"""What is inside the bodies, by the key that holds it."""
