"""The library of call reasons; their wording is in `record_rules.reasons`."""

from datetime import datetime

from msgspec import Struct

from callmark.domain.ids import AccountId, CallReasonId
from callmark.kit.errors import InvalidInput
from callmark.record_rules.reasons import reason_fault


class CallReason(Struct, frozen=True):
    """A call reason of an account's library."""

    id: CallReasonId
    account_id: AccountId
    text: str
    created_by_email: str
    created_at: datetime


def library_text(text: str) -> str:
    """A call reason as the library keeps it. Raises InvalidInput."""
    fault = reason_fault(text)
    if fault is not None:
        raise InvalidInput(f"call_reason {fault.value}", field="call_reason")
    return text
