"""Call records: what is validated, what may become of them, and how one is named on its way.

A record's life: validated on receipt; a bad one stays `invalid`, a good one `pending` until it is pushed and
settled. `success` is final: an acknowledgement that comes later than a failure turns it into a (late) success.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from callmark.domain.ids import AccountId, BatchId, LabelId, RecordId
from callmark.instants import from_ms, to_ms
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import LONGEST_WINDOW_MS

LONGEST_WINDOW = timedelta(milliseconds=LONGEST_WINDOW_MS)
MOST_RECORDS = 500


class Outcome(StrEnum):
    """The outcome of a call record (contract, sections 10.2 and 11)."""

    PENDING = "pending"
    SUCCESS = "success"
    INVALID = "invalid"
    NOT_REGISTERED = "not_registered"
    OS_NOT_SUPPORTED = "os_not_supported"
    APP_VERSION_NOT_SUPPORTED = "app_version_not_supported"
    FAILED_TO_PUSH = "failed_to_push"


class RecordKey(msgspec.Struct, frozen=True):
    """The three parts every reference to a record carries, so that one partition answers."""

    receiver_number: PhoneNumber
    ends_at: datetime
    id: RecordId

    def token(self) -> str:
        """The key as it travels over the fabric: `<id hex>.<receiver>.<ends_at in ms>`."""
        return f"{self.id.hex}.{self.receiver_number}.{to_ms(self.ends_at)}"

    @classmethod
    def parse(cls, token: str) -> "RecordKey":
        """The key of a token that `token()` made."""
        record_id, receiver, ends_ms = token.split(".")
        return cls(PhoneNumber(receiver), from_ms(int(ends_ms)), RecordId(UUID(hex=record_id)))


class OpenRecord(msgspec.Struct, frozen=True):
    """A valid record as a handset gets it: who calls, what to show, from when to when.

    Among records of one caller and receiver whose windows are open, the one with the greatest
    (`accepted_at`, `position`, `id`) shows (contract D27).
    """

    key: RecordKey
    account_id: AccountId
    caller_number: PhoneNumber
    label_name: str
    logo_sha256: bytes
    call_reason: str | None
    starts_at: datetime
    accepted_at: datetime
    position: int


class RingingPair(NamedTuple):
    """A call that rings at an instant; with an account only that account's records are meant."""

    receiver: PhoneNumber
    caller: PhoneNumber
    at: datetime
    account_id: AccountId | None = None


class Settlement(msgspec.Struct, frozen=True):
    """An outcome to write: SUCCESS overrides every failure, a failure only what is pending."""

    key: RecordKey
    outcome: Outcome
    sent_at: datetime | None
    at: datetime
    ends_batch: BatchId | None = None
    """The batch that is done with this, its only record; None for records of a batch that a worker gives back."""

    stream: str = ""
    """The stream that it was pushed to alone, as its handset's newest; empty when it was pushed to all."""


class Batch(Struct, frozen=True):
    """A set of records accepted together."""

    id: BatchId
    account_id: AccountId
    accepted_at: datetime
    record_count: int
    ends_from: datetime
    ends_to: datetime


class StoredRecord(msgspec.Struct, frozen=True):
    """A record as status answers and timelines read it; for an invalid one `submitted` holds what was sent."""

    key: RecordKey
    batch_id: BatchId
    account_id: AccountId
    position: int
    caller_number: PhoneNumber | None
    label_id: LabelId | None
    label_name: str | None
    call_reason: str | None
    starts_at: datetime | None
    accepted_at: datetime
    outcome: Outcome
    fault_field: str | None
    fault: str | None
    submitted: str | None
    sent_at: datetime | None
    settled_at: datetime | None
    first_outcome: Outcome | None
    delivered_late_at: datetime | None
    withdrawn_at: datetime | None

    @property
    def sent(self) -> dict[str, msgspec.Raw]:
        """The fields of an invalid record as they were sent, by our names, undecoded: no type holds 1e999."""
        return msgspec.json.decode(self.submitted, type=dict[str, msgspec.Raw]) if self.submitted else {}


class NearestRecord(NamedTuple):
    """The record nearest to showing on a call, and whether its account is suspended: then it does not show."""

    record: StoredRecord
    is_suspended: bool
