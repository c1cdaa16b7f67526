"""The frames that senders build and gateways pass on untouched: an identity to hold, a record to drop.

Their JSON is the gateway protocol's, see `docs/gateway.md`.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.ids import RecordId
from callmark.domain.labels.model import logo_address
from callmark.domain.personalisation.model import OpenRecord, RecordKey
from callmark.instants import EPOCH, LAST_MS, from_ms, to_ms
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.telemetry import tracing

_encoder = msgspec.json.Encoder()
_TRACEPARENT, _TRACEPARENT_LENGTH = b'"traceparent":"', 55

CallerNumber = Annotated[str, Meta(description="The number that rings. Country code and digits.")]
FirstLine = Annotated[str, Meta(description="The first line on the screen.")]
CallReason = Annotated[str | None, Meta(description="The second line on the screen; null for none.")]
LogoUrl = Annotated[str, Meta(description="A picture that never changes.")]
Verified = Annotated[bool, Meta(description="Whether the business behind it was verified.")]
_Int64 = Annotated[int, Meta(extra_json_schema={"format": "int64"})]


class RecordRef(msgspec.Struct, frozen=True):
    """A call record's name. All three parts are sent back exactly as they came."""

    id: Annotated[UUID, Meta(description="The record's id.")]
    receiver_number: Annotated[str, Meta(description="The handset's own number.")]
    ends_at: Annotated[_Int64, Meta(description="When the record's window ends, epoch milliseconds.")]

    @classmethod
    def of(cls, key: RecordKey) -> "RecordRef":
        """The reference of `key`."""
        return cls(key.id, key.receiver_number, to_ms(key.ends_at))

    def token(self) -> str:
        """The token of the key, see `RecordKey.token`."""
        return f"{self.id.hex}.{self.receiver_number}.{self.ends_at}"

    def key(self) -> RecordKey | None:
        """The key, or None when `ends_at` is no instant of the calendar."""
        if not 0 <= self.ends_at <= LAST_MS:
            return None
        return RecordKey(PhoneNumber(self.receiver_number), from_ms(self.ends_at), RecordId(self.id))


class Identity(msgspec.Struct, frozen=True, tag="identity"):
    """What a handset shows when `caller_number` calls."""

    id: Annotated[UUID, Meta(description="The record's id.")]
    record: Annotated[RecordRef, Meta(description="The record's reference, for `ack`.")]
    caller_number: CallerNumber
    name: FirstLine
    call_reason: CallReason
    logo_url: LogoUrl
    verified: Verified
    starts_at: Annotated[_Int64, Meta(description="When the record's window begins, epoch milliseconds.")]
    accepted_at: Annotated[
        _Int64, Meta(description="When the record was accepted, epoch microseconds; of several the greatest shows.")
    ]
    position: Annotated[int, Meta(description="The record's place in its batch.")]
    traceparent: Annotated[
        str | UnsetType,
        Meta(description="The trace of the push, by W3C Trace Context; only in its frame, if the installation traces."),
    ] = UNSET


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw"):
    """A record that must no longer be shown."""

    id: Annotated[UUID, Meta(description="The frame's id.")]
    record: Annotated[RecordRef, Meta(description="The record's reference.")]


def identity_of(record: OpenRecord, public_url: str, traceparent: str | None = None) -> Identity:
    """The frame of a record; its logo is addressed under `public_url`."""
    return Identity(
        id=record.key.id,
        record=RecordRef.of(record.key),
        caller_number=record.caller_number,
        name=record.label_name,
        call_reason=record.call_reason,
        logo_url=logo_address(public_url, record.logo_sha256),
        verified=True,
        starts_at=to_ms(record.starts_at),
        accepted_at=_to_us(record),
        position=record.position,
        traceparent=traceparent or UNSET,
    )


def encode_identity(record: OpenRecord, public_url: str, traceparent: str | None = None) -> bytes:
    """The identity frame as it goes over the fabric and on to the handset."""
    return _encoder.encode(identity_of(record, public_url, traceparent))


def traceparent_in(payload: bytes) -> str | None:
    """The trace of a frame that `encode_identity` made, without decoding it."""
    _, marker, rest = payload.rpartition(_TRACEPARENT)
    return tracing.proper(rest[:_TRACEPARENT_LENGTH].decode("ascii", "replace")) if marker else None


def encode_withdraw(key: RecordKey) -> bytes:
    """The withdraw frame, with an id of its own."""
    return _encoder.encode(Withdraw(new_id(), RecordRef.of(key)))


def _to_us(record: OpenRecord) -> int:
    since = record.accepted_at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
