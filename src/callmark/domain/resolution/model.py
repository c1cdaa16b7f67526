"""The answer to "who is calling?", and the sentences that say why it is what it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from callmark.domain.calls.model import CallSource
from callmark.domain.handsets.model import Reach, Registration
from callmark.domain.personalisation.frames import Identity
from callmark.domain.personalisation.model import OpenRecord, Outcome, StoredRecord
from callmark.kit.clock import iso_ms
from callmark.kit.phone import PhoneNumber


class Offers(msgspec.Struct, frozen=True):
    """What the screen may offer after the call: slots to be called back in, questions to answer."""

    slots: list[str] = []
    questions: list[str] = []


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the handset is to show for `caller_number`; `why` is for people and logs."""

    caller_number: PhoneNumber
    identity: Identity | None
    source: CallSource
    why: str
    offers: Offers


class Shows(StrEnum):
    """What a receiver would see, as far as one account may know."""

    CALL_RECORD = "call_record"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AccountView:
    """What a receiver would see now, told to one account: `identity` only of a call record of its own."""

    shows: Shows
    identity: Identity | None
    why: str


WHY_OTHER = "an identity that does not belong to this account shows"
WHY_UNREACHABLE = {
    Reach.NOT_REGISTERED: "the receiver has no registered handset",
    Reach.OS_NOT_SUPPORTED: "the operating system of the receiver's handset does not show call records",
    Reach.APP_VERSION_NOT_SUPPORTED: "the receiver's app is too old to show call records",
}
"""As much as the result of a push would tell, no more."""


def why_unable(reach: Reach, registration: Registration, min_app_version: str) -> str:
    """Why this handset shows no call record at all."""
    if reach is Reach.OS_NOT_SUPPORTED:
        return f"call records show on Android only; this handset runs {registration.os}"
    return f"call records need app version {min_app_version}; this handset has {registration.app_version}"


def why_shown(record: OpenRecord) -> str:
    """Why this call record shows."""
    return f"call record {record.key.id} of this caller is the newest whose window is open"


def why_nothing(nearest: StoredRecord | None, now: datetime) -> str:
    """Why no call record shows at `now`, from the record nearest to showing for this caller and receiver."""
    if nearest is None or nearest.outcome is Outcome.INVALID:
        return "no call record of this caller for this handset"
    name = f"call record {nearest.key.id} of this caller"
    if nearest.withdrawn_at is not None:
        return f"{name} was withdrawn at {iso_ms(nearest.withdrawn_at)}"
    if nearest.key.ends_at <= now:
        return f"the window of {name} ended at {iso_ms(nearest.key.ends_at)}"
    opens = f" until {iso_ms(nearest.starts_at)}" if nearest.starts_at else ""
    return f"the window of {name} does not open{opens}"
