"""An alarm: why a call may forge a number, and how many an account hears of."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.events.model import epoch_text
from callmark.domain.ids import AccountId
from callmark.kit.phone import PhoneNumber

SAME_CALL = timedelta(minutes=2)
"""Two causes of one caller and receiver within this time are taken for the same call."""
PERIOD = timedelta(hours=1)
MOST_IN_PERIOD = 60
"""For one account and cause; an attack of thousands of calls raises these, and is counted whole by the metric.

For each cause, because anyone on the network can bring the one about, and must not silence the others.
"""


class SpoofCause(StrEnum):
    """Why a call may be forged."""

    FOREIGN_SIGNING_REQUEST = "foreign_signing_request"
    """An edge of another account asked to sign it."""
    FOREIGN_SIGNATURE = "foreign_signature"
    """It arrived with a token of the kind `shaken` that was not signed here."""
    NOT_ANNOUNCED = "not_announced"
    """The account announces its calls, and not this one."""


class PossibleSpoof(Struct, frozen=True):
    """A call from a number of the account that the account may not have made."""

    id: UUID
    account_id: AccountId
    caller_number: PhoneNumber
    receiver_number: PhoneNumber
    cause: SpoofCause
    raised_at: datetime

    def payload(self) -> dict[str, object]:
        """As events carry it, in the words of the other events."""
        return {
            "business_number": self.caller_number,
            "client_number": self.receiver_number,
            "cause": self.cause.value,
            "detected_at": epoch_text(self.raised_at),
        }
