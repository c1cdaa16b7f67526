"""The answer to "who is calling?", and the sentences that say why it is what it is."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from callmark.domain.callbacks.model import CallbackOffer
from callmark.domain.calls.model import CallSource
from callmark.domain.feedback.model import CallType, CampaignOffer, CampaignType, Question
from callmark.domain.handsets.model import Reach, Registration
from callmark.domain.ids import CampaignId, QuestionId
from callmark.domain.labels.model import logo_address
from callmark.domain.numbers.model import ListedCaller, Unlisted
from callmark.domain.personalisation.handset_messages import (
    CallerNumber,
    CallReason,
    FirstLine,
    Identity,
    LogoUrl,
    Verified,
)
from callmark.domain.personalisation.model import NearestRecord, OpenRecord, Outcome
from callmark.instants import iso_ms
from callmark.kit.phone import PhoneNumber


class ListedIdentity(msgspec.Struct, frozen=True, kw_only=True, tag="listed_identity"):
    """The static identity of a listed number. Do not store it; ask for it at each call."""

    caller_number: CallerNumber
    name: FirstLine
    call_reason: CallReason
    logo_url: LogoUrl
    verified: Verified = True


class OfferedCampaign(msgspec.Struct, frozen=True):
    """A campaign that asks about calls of these types, with the ids of its questions in order."""

    id: Annotated[CampaignId, Meta(description="Its id.")]
    name: Annotated[str, Meta(description="The campaign's name.")]
    type: Annotated[CampaignType, Meta(description="What kind of campaign it is.")]
    call_types: Annotated[list[CallType], Meta(description="The calls after which the campaign asks.")]
    question_ids: Annotated[list[QuestionId], Meta(description="The campaign's questions in order; see `questions`.")]


class Offers(msgspec.Struct, frozen=True):
    """What the screen can offer after the call."""

    call_me_back: Annotated[
        bool, Meta(description="Whether the receiver may ask to be called back, after a missed or rejected call.")
    ] = False
    config_name: Annotated[str | None, Meta(description="The Call Me Back configuration; null without one.")] = None
    slot_picker: Annotated[bool, Meta(description="Whether one of `slots` must be chosen.")] = False
    slots: Annotated[list[str], Meta(description="The beginnings of half hours, in the handset's own zone.")] = []
    campaigns: Annotated[
        list[OfferedCampaign], Meta(description="The campaigns that may ask, at most one for each type of call.")
    ] = []
    questions: Annotated[list[Question], Meta(description="The questions of all campaigns, each once.")] = []


class Resolution(Struct, frozen=True):
    """What the handset is to show for `caller_number`; `why` is for people and logs."""

    caller_number: PhoneNumber
    identity: Identity | ListedIdentity | None
    source: CallSource
    why: str
    offers: Offers


class ShownSource(StrEnum):
    """What a receiver would see, as far as one account may know."""

    CALL_RECORD = "call_record"
    LISTED_NUMBER = "listed_number"
    OTHER = "other"
    NONE = "none"


class AccountView(Struct, frozen=True):
    """What a receiver would see now, as one account may know it: `identity` only if it is the account's own."""

    shows: ShownSource
    identity: Identity | ListedIdentity | None
    why: str


class NetworkCall(Struct, frozen=True):
    """What the platform knows of a call on the telephone network: the record that is open for it, and its number."""

    record: OpenRecord | None
    number: ListedCaller | Unlisted | None

    @property
    def listed(self) -> ListedCaller | None:
        """The caller's number, where it is listed and its feature set published."""
        return self.number if isinstance(self.number, ListedCaller) else None

    @property
    def proven(self) -> ListedCaller | None:
        """The caller's number, where its account has also proven that it is its own."""
        return self.listed if self.listed and self.listed.is_proven else None

    @property
    def source(self) -> CallSource:
        """Where its identity comes from. A listed number has one on the network once it is proven, if not hidden."""
        if self.record is not None:
            return CallSource.CALL_RECORD
        return CallSource.LISTED_NUMBER if self.proven and not self.proven.is_hidden else CallSource.NONE


WHY_OTHER = "an identity of another account is shown"
WHY_UNREACHABLE = {
    Reach.NOT_REGISTERED: "the receiver has no registered handset",
    Reach.OS_NOT_SUPPORTED: "the operating system of the receiver's handset does not show call records",
    Reach.APP_VERSION_NOT_SUPPORTED: "the receiver's app is too old to show call records",
}
"""As much as the result of a push would tell, no more."""
WHY_LISTED = "the caller's number is listed, and its feature set is published"
WHY_NOT_ANNOUNCED = "the caller's number shows its identity only in announced calls, and this call was not announced"
WHY_NOT_OWN = "the caller's number is not listed by this account"


def listed_identity(listed: ListedCaller, public_url: str) -> ListedIdentity:
    """The static identity; its logo is addressed under `public_url`."""
    return ListedIdentity(
        caller_number=listed.phone_number,
        name=listed.label_name,
        call_reason=listed.call_reason,
        logo_url=logo_address(public_url, listed.logo_sha256),
    )


def offers_of(callback: CallbackOffer | None, campaigns: Mapping[CallType, CampaignOffer]) -> Offers:
    """What is offered, from a number's callback offer and its live campaign for each type of call."""
    by_campaign = sorted(campaigns.items(), key=lambda one: (str(one[1].campaign_id), one[0]))
    each = [list(same) for _, same in groupby(by_campaign, key=lambda one: one[1].campaign_id)]
    return Offers(
        call_me_back=callback is not None,
        config_name=callback.config_name if callback else None,
        slot_picker=callback.slot_picker if callback else False,
        slots=callback.slots if callback else [],
        campaigns=[_campaign(same[0][1], [call_type for call_type, _ in same]) for same in each],
        questions=[question for same in each for question in same[0][1].questions],
    )


def _campaign(offer: CampaignOffer, call_types: list[CallType]) -> OfferedCampaign:
    question_ids = [question.id for question in offer.questions]
    return OfferedCampaign(offer.campaign_id, offer.campaign_name, offer.campaign_type, call_types, question_ids)


def why_unable(reach: Reach, registration: Registration, min_app_version: str) -> str:
    """Why this handset shows no call record at all."""
    if reach is Reach.OS_NOT_SUPPORTED:
        return f"call records show on Android only; this handset runs {registration.os}"
    return f"call records need app version {min_app_version}; this handset has {registration.app_version}"


def why_shown(record: OpenRecord) -> str:
    """Why this call record shows."""
    return f"call record {record.key.id} is this caller's newest record with an open window"


def why_nothing(nearest: NearestRecord | None, now: datetime) -> str:
    """Why no call record shows at `now`, from the record nearest to showing for this caller and receiver."""
    if nearest is None or nearest.record.outcome is Outcome.INVALID:
        return "this handset has no call record of this caller"
    record = nearest.record
    name = f"call record {record.key.id} of this caller"
    if record.withdrawn_at is not None:
        return f"{name} was withdrawn at {iso_ms(record.withdrawn_at)}"
    if record.key.ends_at <= now:
        return f"the window of {name} ended at {iso_ms(record.key.ends_at)}"
    if nearest.is_suspended:
        return f"{name} is of an account that is suspended"
    opens = f" until {iso_ms(record.starts_at)}" if record.starts_at else ""
    return f"the window of {name} does not open{opens}"


def why_unlisted(caller: Unlisted | None) -> str:
    """Why the caller's number shows no identity of its own."""
    return f"the caller's number {caller.why if caller else 'is not listed'}"
