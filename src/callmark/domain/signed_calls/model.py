"""Calls on the telephone network: those that were signed, for which account, and what verifications found."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from callmark.domain.calls.model import CallSource
from callmark.domain.ids import AccountId, EdgeId, SignedCallId, VerifiedCallId
from callmark.kit.errors import Forbidden
from callmark.kit.phone import PhoneNumber
from callmark.passport import Attestation, Passport, PassportError, Verified

SIGNED_WITHIN = timedelta(seconds=60)
"""How far the `iat` of a signing request may be from our clock: verifiers refuse older tokens."""
COUNTS_ONCE_FOR = timedelta(seconds=120)
"""How long a token is remembered: it may be dated 60 s ahead, and is stale 60 s after its date."""
RINGS_FOR = timedelta(minutes=5)
"""How long after it was signed or verified a call is shown, answered or given up at the latest, by what we hear."""
MOST_RECEIVERS = 10


class Verstat(StrEnum):
    """The verdict on a call (3GPP TS 24.229)."""

    PASSED = "TN-Validation-Passed"
    FAILED = "TN-Validation-Failed"
    NONE = "No-TN-Validation"


class SigningRequest(Struct, frozen=True):
    """A call that an edge asks to sign. `attest` is the most that it can answer for."""

    caller: PhoneNumber
    receivers: Sequence[PhoneNumber]
    attest: Attestation
    origid: UUID
    issued_at: datetime


class VerificationRequest(Struct, frozen=True):
    """A call that an edge asks to verify, from its signalling. `request_id` is the edge's own name for the request."""

    headers: Sequence[str]
    caller: PhoneNumber
    receiver: PhoneNumber
    request_id: str | None


class SignedCall(Struct, frozen=True):
    """A call that was signed. `source` says where the name in its second token came from."""

    id: SignedCallId
    edge_id: EdgeId
    account_id: AccountId
    caller_number: PhoneNumber
    receiver_number: PhoneNumber
    origid: UUID
    issued_at: datetime
    attest: Attestation
    source: CallSource
    record_id: UUID | None
    signed_at: datetime


class SignedHeaders(Struct, frozen=True):
    """The `Identity` headers of a call: that of the kind `shaken`, and those beside it."""

    identity: str
    others: Sequence[str]

    @property
    def all(self) -> list[str]:
        """Every header, the one of the kind `shaken` first."""
        return [self.identity, *self.others]


class VerifiedCall(Struct, frozen=True):
    """A call that was verified. `name` is what the phone may show, `reason_code` why it failed."""

    id: VerifiedCallId
    edge_id: EdgeId
    account_id: AccountId | None
    caller_number: PhoneNumber
    receiver_number: PhoneNumber
    verstat: Verstat
    reason_code: int | None
    detail: str | None
    name: str | None
    record_id: UUID | None
    verified_at: datetime


CallKey = tuple[datetime, UUID]
"""Where a call stands in its account's list."""


class NetworkCallFilter(Struct, frozen=True):
    """Which calls: with this verdict, and with a number that begins with these digits."""

    verstat: Verstat | None = None
    digits: str = ""


class SignedToken(NamedTuple):
    """What a token of the kind `shaken` says of its call: enough to find the signing again."""

    receiver: PhoneNumber
    caller: PhoneNumber
    origid: UUID
    issued_at: datetime


class CountedToken(NamedTuple):
    """A token that counted for a call, by its digest, and which request it was."""

    digest: bytes
    verified_call_id: VerifiedCallId
    edge_id: EdgeId
    request_id: str | None
    counted_at: datetime

    def is_repeat_of(self, first: "CountedToken") -> bool:
        """Whether this is the first one's request once more: the same edge gave it the same name."""
        return self.request_id is not None and (self.edge_id, self.request_id) == (first.edge_id, first.request_id)


class HeaderVerdict(Struct, frozen=True):
    """The result for one `Identity` header: `verified`, or `error` says why not."""

    passport: Passport | None
    verified: Verified | None
    error: PassportError | None


class CallVerdict(Struct, frozen=True):
    """The verdict on a call, and what the phone may show of what its tokens say."""

    verstat: Verstat
    error: PassportError | None
    verdicts: Sequence[HeaderVerdict]
    rcd: Mapping[str, Any]
    reason: str | None
    integrity: str | None

    @property
    def name(self) -> str | None:
        """The name to show."""
        return self.rcd.get("nam") or None

    @property
    def icon(self) -> str | None:
        """The address of the icon to show."""
        return self.rcd.get("icn")


_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256. A signature (r, s) has a twin (r, order - s), which counts as the same."""


def token_digest(passport: Passport, receiver: PhoneNumber) -> bytes:
    """What a token is remembered by, once it has counted for a call to this receiver: it may be for several."""
    r, s = passport.signature[:32], int.from_bytes(passport.signature[32:])
    token = passport.signed + r + min(s, _ORDER - s).to_bytes(32)
    return hashlib.sha256(f"{receiver} ".encode() + token).digest()


class NotAuthorised(Forbidden):
    """List the number, or push a record of the call first; an edge of one account signs for that account only."""

    def __init__(self, message: str = "originating number not authorised") -> None:
        super().__init__(message)


def weaker(one: Attestation, other: Attestation) -> Attestation:
    """The attestation that claims less."""
    return max(one, other)  # A, B, C
