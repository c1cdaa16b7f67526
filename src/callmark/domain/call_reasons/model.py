"""The library of call reasons; their wording is as in pushed records."""

from datetime import datetime

from msgspec import Struct

from callmark.domain.ids import AccountId, CallReasonId
from callmark.kit.errors import InvalidInput
from callmark.record_rules import fields
from callmark.record_rules.fields import Faulty
from callmark.record_rules.words import FAULT_WORDS


class CallReason(Struct, frozen=True):
    """A call reason of an account's library."""

    id: CallReasonId
    account_id: AccountId
    text: str
    created_by_email: str
    created_at: datetime


def library_text(text: str) -> str:
    """A call reason as the library keeps it. Raises InvalidInput."""
    try:
        fields.call_reason(text)
    except Faulty as bad:
        raise InvalidInput(f"call_reason {FAULT_WORDS[bad.fault]}", field="call_reason") from bad
    return text
