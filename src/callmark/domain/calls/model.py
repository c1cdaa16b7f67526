"""A call's facts. Each is reported on its own, may come twice and in any order; the first report of a fact stands."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import AccountId, CallId
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.personalisation.model import RecordKey
from callmark.kit.phone import PhoneNumber

LATE_AFTER = timedelta(minutes=2)
"""So long after a call's first report, that its record was shown or answered comes late.

It is then counted apart from the call. What comes sooner must be stored when the call is counted
(`daily_figures.BEHIND`), also by a process whose clock is as far behind as is trusted.
"""


class CallEvent(StrEnum):
    """What a handset reports of a call."""

    SHOWN = "shown"
    ANSWERED = "answered"
    MISSED = "missed"
    REJECTED = "rejected"


class CallSource(StrEnum):
    """Where the identity on the screen came from."""

    CALL_RECORD = "call_record"
    LISTED_NUMBER = "listed_number"
    NONE = "none"


class Verification(StrEnum):
    """What the network said of the caller's number, as Android tells it: signed and valid, failed, or not checked."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"


class Disconnect(StrEnum):
    """Why a call ended, as Android tells it (`DisconnectCause`)."""

    LOCAL = "local"
    REMOTE = "remote"
    CANCELED = "canceled"
    MISSED = "missed"
    REJECTED = "rejected"
    BUSY = "busy"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CALL_PULLED = "call_pulled"
    RESTRICTED = "restricted"
    ERROR = "error"
    OTHER = "other"
    UNKNOWN = "unknown"


class CallDetails(Struct, frozen=True):
    """What a handset may add to a report: a further fact about a call is a field here, and a column in `queries`.

    `duration_s` is how long people talked, in seconds.
    """

    verification: Verification | None = None
    duration_s: int | None = None
    disconnect: Disconnect | None = None


class CallReport(Struct, frozen=True):
    """One fact of a call, as a handset reports it; `record` is what it showed, with the source `call_record`."""

    call_id: CallId
    caller: PhoneNumber
    event: CallEvent
    source: CallSource
    record: RecordKey | None = None
    details: CallDetails = CallDetails()


class CallCounts(Struct, frozen=True):
    """How many records were shown in a call, and in how many some call ended so; a record counts once under each."""

    shown: int
    answered: int
    missed: int
    rejected: int
    calls: int


class Call(Struct, frozen=True):
    """What is known of one call. `outcome` is one of answered, missed, rejected, None until it is reported.

    `record_id` may name a record that is not stored (yet). `account_id` is whose call it was by its first report: who
    made the record that it named, else who held the number then; None for nobody, or not known.
    """

    receiver_number: PhoneNumber
    id: CallId
    caller_number: PhoneNumber
    source: CallSource
    record_id: UUID | None
    shown_at: datetime | None
    outcome: CallEvent | None
    ended_at: datetime | None
    reported_at: datetime
    details: CallDetails = CallDetails()
    account_id: AccountId | None = None

    def is_of(self, listed: ListedCaller) -> bool:
        """Whether it was a call of the account that lists the number now, which another may have listed then.

        Where nobody is known to have made it, by `was_there_at`.
        """
        if self.account_id is not None:
            return self.account_id == listed.account_id
        return self.was_there_at >= listed.held_since

    @property
    def was_there_at(self) -> datetime:
        """The earliest instant at which it is known to have been there."""
        talked = timedelta(seconds=self.details.duration_s or 0)
        known = (self.reported_at, self.shown_at, self.ended_at and self.ended_at - talked)
        return min(at for at in known if at)
