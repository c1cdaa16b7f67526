"""What receivers answered, as the log keeps it and webhooks carry it (contract, section 9.3)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from callmark.domain.ids import AccountId, CampaignId, EventId
from callmark.domain.policy.plan import Feature
from callmark.instants import EPOCH

KEPT = timedelta(days=30)
"""For how long after its creation an event is shown (contract, section 9.1), to the second (contract D53).

Days are dropped later.
"""


class EventType(StrEnum):
    """The `event_type` of the wire."""

    CALL_ME_BACK = "cmb"
    USER_FEEDBACK = "user_feedback"
    POSSIBLE_SPOOF = "possible_spoof"
    """An extension: the contract has the two others."""

    @property
    def payload_key(self) -> str:
        """Where the envelope carries the payload (contract D22)."""
        return f"{self.value}_payload"

    @property
    def feature(self) -> Feature:
        """What it is part of."""
        return _FEATURES[self]


_FEATURES = {
    EventType.CALL_ME_BACK: Feature.CALL_ME_BACK,
    EventType.USER_FEEDBACK: Feature.USER_FEEDBACK,
    EventType.POSSIBLE_SPOOF: Feature.NUMBER_MANAGEMENT,
}


class Event(Struct, frozen=True):
    """One line of an account's log. `body` is the documented JSON as it goes out, byte for byte."""

    account_id: AccountId
    number: int
    id: EventId
    event_type: EventType
    campaign_id: CampaignId | None
    created_at: datetime
    body: str


def oldest_shown(now: datetime) -> datetime:
    """Events created after this instant are shown at `now`, by the product clock."""
    return now - KEPT


class _Typed(msgspec.Struct):
    event_type: EventType


_type_decoder = msgspec.json.Decoder(_Typed)


def event_type_of(body: bytes) -> EventType:
    """The type of an event of which only the body is at hand."""
    return _type_decoder.decode(body).event_type


def epoch_text(instant: datetime) -> str:
    """Epoch seconds as a text, as webhooks show instants. Source: contract, section 1.4."""
    return str(int((instant - EPOCH).total_seconds()))


def envelope(
    event_id: EventId, account_id: AccountId, kind: EventType, created_at: datetime, payload: Mapping[str, object]
) -> str:
    """The body of an event: the envelope of section 9.3 around `payload`, keys in the documented order."""
    whole = {
        "event_id": str(event_id),
        "client_account_id": str(account_id),
        "event_type": kind.value,
        "created_at": epoch_text(created_at),
        kind.payload_key: payload,
    }
    return msgspec.json.encode(whole).decode()
