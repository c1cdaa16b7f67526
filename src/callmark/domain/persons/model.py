"""What an erasure does with each table, and how far one is."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import ErasureId
from callmark.kit.phone import PhoneNumber, shorten

MOST_PASSES = 8
"""After this many passes over every table it ends, even if the number comes again: others keep using it."""
TAKEN_OVER_AFTER = timedelta(minutes=1)
"""A command that does it itself and is killed leaves the rest to a worker after so long."""


class ErasureState(StrEnum):
    """How far it is."""

    RUNNING = "running"
    DONE = "done"


class Erasure(Struct, frozen=True):
    """The data of one number is being erased, or was. `counts`: rows deleted and masked, by table.

    `phone_number` is None once it is done. `is_listed`: what is about it as a business's own number stayed.
    """

    id: ErasureId
    digest: bytes
    sealed_key: bytes | None
    phone_number: PhoneNumber | None
    is_listed: bool
    requested_by: str
    requested_at: datetime
    pass_number: int
    pass_changes: int
    table_count: int
    tables_done: int
    last_table: str | None
    counts: Mapping[str, int]
    redacted: tuple[UUID, ...]
    ended_at: datetime | None

    @property
    def state(self) -> ErasureState:
        """How far it is."""
        return ErasureState.DONE if self.ended_at else ErasureState.RUNNING

    @property
    def shown_number(self) -> str:
        """The number for lists, while it is known."""
        return shorten(self.phone_number) if self.phone_number else ""

    @property
    def rows(self) -> int:
        """How many rows were deleted or masked so far."""
        return sum(self.counts.values())


class TableRule(Struct, frozen=True):
    """A table each row of which is about one person. A row is deleted if the number is in one of `columns`.

    In `as_business` the number is that of the other side. It stays if a business lists it. If none does, it is masked,
    because the row is about someone else; in a table without `columns` the row is deleted. A row that `needs_business`
    says nothing without that number, so it is deleted where others are masked.
    """

    columns: tuple[str, ...]
    as_business: tuple[str, ...] = ()
    needs_business: bool = False

    def of(self, *, is_listed: bool) -> tuple[str, ...]:
        """The columns with which a row goes as the person's own."""
        return self.columns or (() if is_listed else self.as_business)


RULES: dict[str, TableRule] = {
    "announced_call": TableRule(("receiver_number",), ("caller_number",), needs_business=True),
    "call": TableRule(("receiver_number",), ("caller_number",)),
    "call_record": TableRule(("receiver_number",), ("caller_number",), needs_business=True),
    "callback_request": TableRule(("receiver_number",), ("business_number",)),
    "feedback": TableRule(("receiver_number",), ("business_number",)),
    "number_code": TableRule((), ("phone_number",)),
    "possible_spoof": TableRule(("receiver_number",), ("caller_number",), needs_business=True),
    "presence": TableRule(("phone_number",)),
    "registration": TableRule(("phone_number",)),
    "signed_call": TableRule(("receiver_number",), ("caller_number",), needs_business=True),
    "verified_call": TableRule(("receiver_number",), ("caller_number",), needs_business=True),
    "wake_up": TableRule(("phone_number",)),
}
"""Tables of things that are about one person; a table that is not here is searched, and the number masked in it."""

_OWN_WORDS = "the words of a business or an operator, or how the installation is set up"
_OF_BUSINESS = "the number of a business, listed by it"
KEPT: dict[str, str] = {
    **dict.fromkeys(
        (
            "alert_recipient", "api_key", "call_reason", "callback_config", "calling_process", "campaign",
            "client_account", "department", "edge", "feature_set", "handset_app", "label", "listing_job", "member",
            "operator_token", "operator_user", "proof_request", "sink", "trust_root", "webhook",
        ),
        _OWN_WORDS,
    ),
    **dict.fromkeys(("number", "number_proof", "signer_certificate"), _OF_BUSINESS),
    "virtual_handset": "handsets of the emulator, which are deleted there",
    "erasure": "what says which numbers are to be erased; the number goes at the end",
    "schema_migration": "the steps of the schema",
}  # fmt: skip
"""Tables that are left, and why."""

WHOLE = frozenset({"file_draft"})
"""Files that were uploaded and are previewed for a day: they go, and can be uploaded again."""

LISTED_TOO = frozenset({"delivery", "event", "idempotency_key", "upload_part", "waiting_delivery"})
"""Tables in which a number is masked although a business has it: there JSON says whose it is."""

AS_SENT = {"call_record": "submitted", "upload_part": "rows"}
"""Columns of JSON that hold numbers as people wrote them, one to a table; all others have them in canonical form."""

LONG_LISTS = {"upload_part": "line"}
"""Of those the ones that are lists of objects, each of which begins with this member: they are read in pieces."""

READABLE_BYTES = ("answer_body", "body", "content")
"""Columns of bytes that hold what people wrote; all others are digests, keys and pictures."""

SECRET = frozenset({"token_sha256", "push_token", "token", "secret_sha256", "password_hash", "sealed_secret"})
"""Columns that an export leaves out."""


def digest_of(key: bytes, number: str) -> bytes:
    """What an erased number is known by afterwards."""
    return hmac.digest(key, number.encode(), hashlib.sha256)


class KnownErasure(Struct, frozen=True):
    """An erasure as a list of them says it, which is kept beside backups; the number is not in it."""

    id: UUID
    requested_at: datetime
    digest: bytes
    sealed_key: bytes
