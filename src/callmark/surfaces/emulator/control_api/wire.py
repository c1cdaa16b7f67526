"""The JSON of the control API, in and out, and how its bodies are read."""

from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request

from callmark.domain.calls.model import CallEvent
from callmark.domain.events.model import EventType
from callmark.domain.feedback.model import MOST_QUESTIONS, CallType
from callmark.domain.handsets.model import OS, parse_version
from callmark.domain.labels.model import LabelType
from callmark.domain.limits.model import MOST_KEYS
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput, UnsupportedMedia
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.kit.zones import device_zone
from callmark.surfaces.bodies import NOT_JSON, decode_clean, explained, read_text
from callmark.surfaces.emulator.handsets.held_identities import MOST_HELD
from callmark.surfaces.emulator.handsets.model import AnswerIn, Memory, Screen, Script, VirtualHandset
from callmark.surfaces.http import check_media_type, header

LARGEST_BODY_BYTES = 16 * 1024
MOST_FAULTS = 1_000_000
LONGEST_LATENCY_MS = 60_000
FURTHEST_S = 400 * 86_400
"""How far one request may move the clock: 400 days."""


class ClockIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to move the clock."""

    advance_s: float


class ClockOut(Struct, frozen=True):
    """The product clock, ISO-8601."""

    now: str


class HandsetIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A handset to make; what is left out is a plain one's."""

    phone_number: str
    os: str | UnsetType = UNSET
    app_version: str | UnsetType = UNSET
    online: bool | UnsetType = UNSET
    script: Script | UnsetType = UNSET


class HandsetChangeIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a handset; `phone_number` may only repeat the path's."""

    phone_number: str | UnsetType = UNSET
    os: str | UnsetType = UNSET
    app_version: str | UnsetType = UNSET
    online: bool | UnsetType = UNSET
    script: Script | UnsetType = UNSET


class HandsetOut(Struct, frozen=True):
    """A handset in its own `time_zone`; its stream is open at this moment (`connected`), or it waits to be woken.

    It holds `held` records of at most `most_held`; `refused_pushes` came when it was full and were not acknowledged.
    """

    phone_number: str
    os: OS
    app_version: str
    online: bool
    script: Script
    time_zone: str
    registered: bool
    connected: bool
    asleep: bool
    held: int
    most_held: int
    refused_pushes: int

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
    """A call to place, and how it is to end; without an outcome the handset's script decides."""

    caller: str
    receiver: str
    outcome: str | UnsetType = UNSET


class CallOut(Screen, frozen=True, kw_only=True):
    """What showed on a call, and how it ended."""

    outcome: CallEvent


class CallMeBackIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the receiver asks a business for after a missed call; `slot` is one of those offered, as it was given."""

    business_number: str
    slot: str | None = None
    interested: bool = True
    sim_unknown: bool = False
    alternate_number: str | None = None


class CallMeBackOut(Struct, frozen=True):
    """The request as the gateway has stored it, and the id that the handset made for it."""

    request_id: UUID
    business_number: str
    interested: bool
    slot: str | None
    sim_unknown: bool
    alternate_number: str | None


class FeedbackIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the receiver answers to a campaign after a call."""

    business_number: str
    campaign_id: str
    call_type: str
    answers: Annotated[list[AnswerIn], Meta(max_length=MOST_QUESTIONS)]


class FeedbackOut(Struct, frozen=True):
    """The call that was answered about, and the campaign."""

    call_id: UUID
    business_number: str
    campaign_id: str
    call_type: CallType


class SeedIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The seed of the handsets' randomness, 64 bits with a sign."""

    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class SeedOut(Struct, frozen=True):
    """The seed; None when none is set."""

    seed: int | None


class FaultsIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The faults to set in place of those there are; what is left out is not."""

    status: int | None = None
    slug: str | None = None
    count: Annotated[int, Meta(ge=0, le=MOST_FAULTS)] | None = None
    latency_ms: Annotated[int, Meta(ge=0, le=LONGEST_LATENCY_MS)] = 0
    drop_every: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


AccessName = Literal["call_personalisation", "number_management", "call_me_back", "user_feedback", "management"]
"""What a key gives access to, by its name."""


class WantedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key pair to make; without `features` it gets those of the account. `management` must be named."""

    name: str = "Test"
    features: list[AccessName] | UnsetType = UNSET


class WantedMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to make: an admin, unless it says otherwise; without a `password` one is made up."""

    email: str
    name: str = "Test"
    role: Role | UnsetType = UNSET
    password: str | UnsetType = UNSET


class WantedLabel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label to make, dynamic unless it says otherwise; its logo is its first letter."""

    name: str
    type: LabelType | UnsetType = UNSET


class WantedAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to make. Without `keys` it gets one, without `labels` a dynamic one of its name."""

    name: str
    features: list[Feature] | UnsetType = UNSET
    keys: Annotated[list[WantedKey], Meta(max_length=MOST_KEYS)] | UnsetType = UNSET
    members: Annotated[list[WantedMember], Meta(max_length=100)] = []
    labels: Annotated[list[WantedLabel], Meta(max_length=100)] | UnsetType = UNSET


class WantedWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to make; without `event_types` it gets every event."""

    client_account_id: UUID
    url: str
    event_types: list[EventType] | UnsetType = UNSET


class NothingIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: the path says it all."""


class ResetIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to go back: to the seed, or (without `to`) to before anything happened."""

    to: Literal["seed"] | UnsetType = UNSET


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


def os_of(text: str) -> OS:
    """The operating system. Raises InvalidInput that lists the known ones."""
    return OS(_one_of(text, "os", [one.value for one in OS]))


def version(text: str) -> str:
    """The app version, checked. Raises InvalidInput."""
    parse_version(text)
    return text


def call_type(text: str) -> CallType:
    """The type of call. Raises InvalidInput that lists the known ones."""
    return CallType(_one_of(text, "call_type", [one.value for one in CallType]))


def script(given: Script) -> Script:
    """The script, checked. Raises InvalidInput."""
    if given.time_zone is not None:
        device_zone(given.time_zone, "script.time_zone")
    return given


OUTCOMES = [CallEvent.ANSWERED.value, CallEvent.MISSED.value, CallEvent.REJECTED.value]


def outcome(text: str) -> CallEvent:
    """How a call ends. Raises InvalidInput that lists the known ways."""
    return CallEvent(_one_of(text, "outcome", OUTCOMES))


def advance(seconds: float) -> float:
    """How far to move the clock, checked. Raises InvalidInput."""
    if not 0 < seconds <= FURTHEST_S:
        raise InvalidInput(f"advance_s must be more than 0 and at most {FURTHEST_S} (400 days)", field="advance_s")
    return seconds


def _one_of(text: str, field: str, known: list[str]) -> str:
    if text not in known:
        raise InvalidInput(f"{field} must be one of {', '.join(known)}", field=field)
    return text


_INNER: dict[str, type[Struct]] = {
    "script": Script,
    "answers": AnswerIn,
    "keys": WantedKey,
    "members": WantedMember,
    "labels": WantedLabel,
}
"""What is inside the bodies, by the key that holds it."""
