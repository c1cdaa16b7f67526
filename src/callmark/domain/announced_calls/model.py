"""An announced call: its states, and until when an identity shows in it."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.ids import AccountId
from callmark.kit.errors import Conflict
from callmark.kit.phone import PhoneNumber

LONGEST_CALL_ID = 255
RINGS_FOR = timedelta(minutes=2)
"""How long an announcement counts when nothing more is said of the call."""

AFTER_CONNECTED = timedelta(seconds=10)
"""How long it still counts for a handset that asks late; a second call within the conversation is not this one."""

KEPT = timedelta(days=1)


class AnnouncedState(StrEnum):
    """How far the call is. It only ever goes forward."""

    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"


_ORDER = tuple(AnnouncedState)


class AnnouncedCall(Struct, frozen=True):
    """A call that its account says it makes, under the account's own name for it."""

    account_id: AccountId
    call_id: str
    caller: PhoneNumber
    receiver: PhoneNumber
    state: AnnouncedState
    announced_at: datetime
    changed_at: datetime
    shown_until: datetime


class CallAnnouncement(Struct, frozen=True):
    """What an account says of a call."""

    call_id: str
    caller: PhoneNumber
    receiver: PhoneNumber
    state: AnnouncedState


def first_said(account_id: AccountId, said: CallAnnouncement, now: datetime) -> AnnouncedCall:
    """The call when it is announced for the first time."""
    until = now + RINGS_FOR
    call = AnnouncedCall(
        account_id, said.call_id, said.caller, said.receiver, AnnouncedState.RINGING, now, now, shown_until=until
    )
    return said_again(call, said, now)


def said_again(call: AnnouncedCall, said: CallAnnouncement, now: datetime) -> AnnouncedCall:
    """The call after the account said that. A state that is behind the call's changes nothing.

    Raises Conflict for other numbers under the same name.
    """
    if (said.caller, said.receiver) != (call.caller, call.receiver):
        raise Conflict("this call_id is that of a call between other numbers")
    if _ORDER.index(said.state) <= _ORDER.index(call.state):
        return call
    until = now + AFTER_CONNECTED if said.state is AnnouncedState.CONNECTED else now
    return replace(call, state=said.state, changed_at=now, shown_until=min(call.shown_until, until))
