"""Call Me Back: what a feature set offers after a missed call, and what receivers ask for (contract 9.4, 12.4)."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.callbacks.hours import CLOSED, SLOT, Week, slots
from callmark.domain.events.model import epoch_text
from callmark.domain.ids import AccountId, CallbackConfigId, CallbackRequestId, FeatureSetId
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.kit.text import clean_line

LONGEST_NAME = 100

UNKNOWN_CLIENT = "Phone number not available"
"""The `client_number` of a call on a SIM whose number is not known. Source: contract, section 9.4."""

NOTHING_CHOSEN = "NA"
"""Date and weekday of a request without a slot. Source: contract, section 9.4."""


class CallbackConfig(Struct, frozen=True):
    """What a feature set or number group offers. `hours` are in `time_zone`, and count with a slot picker only."""

    id: CallbackConfigId
    account_id: AccountId
    feature_set_id: FeatureSetId
    name: str
    slot_picker: bool
    time_zone: ZoneInfo
    hours: Week
    created_by_email: str
    created_at: datetime
    updated_at: datetime


class CallbackTerms(Struct, frozen=True):
    """The part of a configuration that an offer and a request need."""

    name: str
    slot_picker: bool
    time_zone: ZoneInfo
    hours: Week = CLOSED


class CallbackOffer(Struct, frozen=True):
    """What the screen may offer after a missed or rejected call: a call back, with `slots` to choose one of.

    `slots` is empty without a slot picker; then a call back is asked for without a time.
    """

    config_name: str
    slot_picker: bool
    slots: list[str]


class NewCallbackRequest(Struct, frozen=True):
    """What a handset asks for. `request_id` is of its own making: repeated, it changes nothing.

    `slot` is one of the offered slots as it was given. `is_sim_unknown`: the call came to a SIM of the device whose
    number is not known.
    """

    request_id: UUID
    business_number: PhoneNumber
    is_interested: bool = True
    slot: str | None = None
    is_sim_unknown: bool = False
    alternate_number: PhoneNumber | None = None


class RequestState(StrEnum):
    """The life of a request on the business's work list: new → taken → done, and back to new when it is reopened.

    Nothing is to do for "not interested".
    """

    NEW = "new"
    TAKEN = "taken"
    DONE = "done"


class CallbackRequest(Struct, frozen=True):
    """A stored request. `handled_by_email` is who took it or did it, None while nobody has."""

    id: CallbackRequestId
    account_id: AccountId
    feature_set_id: FeatureSetId
    feature_set_name: str
    is_number_group: bool
    business_number: PhoneNumber
    receiver_number: PhoneNumber
    request_id: UUID
    requested_at: datetime
    is_interested: bool
    is_sim_unknown: bool
    alternate_number: PhoneNumber | None
    slot_starts_at: datetime | None
    config_name: str
    state: RequestState
    handled_by_email: str | None
    handled_at: datetime | None


ALL_STATES = frozenset(RequestState)


class ShownState(Struct, frozen=True):
    """How a page showed a request: its state, and who had taken it or was done with it, and when."""

    state: RequestState
    handled_by_email: str | None
    handled_at: datetime | None

    def is_still(self, request: CallbackRequest) -> bool:
        """Whether the same step is the last one of the request; that the same person took it once more is no other."""
        if (request.state, request.handled_by_email) != (self.state, self.handled_by_email):
            return False
        return request.state is not RequestState.DONE or self.handled_at == request.handled_at


class AskedAgain(Struct, frozen=True):
    """What else a receiver said: how many of their requests are not done.

    `refused`: of which feature sets they want no call, by their latest word.
    """

    open_count: int
    refused: frozenset[FeatureSetId]


class RequestFilter(Struct, frozen=True):
    """Which requests of an account; None leaves a part out.

    `receiver`: the digits a receiver's number begins with; `number`: those, or those of the one to call instead.
    """

    states: frozenset[RequestState] = ALL_STATES
    feature_set_id: FeatureSetId | None = None
    receiver: str = ""
    number: str = ""


class WorkListPosition(NamedTuple):
    """Where a page of the work list ended, of those that follow each other from the instant `since`."""

    requested_at: datetime
    id: UUID
    is_overdue: bool
    since: datetime


def is_overdue(request: CallbackRequest, now: datetime) -> bool:
    """Whether the slot has passed and nobody says that the call was made."""
    slot = request.slot_starts_at
    return slot is not None and request.state is not RequestState.DONE and slot + SLOT <= now


def taken_by(request: CallbackRequest, email: str, now: datetime, *, only_new: bool = False) -> CallbackRequest:
    """The request, taken by `email`, who is going to call back; unchanged when it was theirs already. Raises Conflict.

    The Conflict says that another has taken it, or that it is done; with `only_new` also that it was theirs already.
    """
    if request.state is RequestState.DONE:
        raise Conflict("this request is already done")
    if request.state is RequestState.NEW:
        return replace(request, state=RequestState.TAKEN, handled_by_email=email, handled_at=now)
    if only_new or request.handled_by_email != email:
        raise Conflict(f"this request is taken by {request.handled_by_email}")
    return request


def done_by(request: CallbackRequest, email: str, now: datetime, shown: ShownState | None = None) -> CallbackRequest:
    """The request, done by `email`, even if someone else had taken it; unchanged when it was done already.

    Raises Conflict when someone else has taken it, and it was not `shown` so to who says that it is done.
    """
    if request.state is RequestState.DONE:
        return request
    if shown and request.state is RequestState.TAKEN and request.handled_by_email != email:
        _refuse_other(request, shown)
    return replace(request, state=RequestState.DONE, handled_by_email=email, handled_at=now)


def reopened(request: CallbackRequest, shown: ShownState | None = None) -> CallbackRequest:
    """The request, new again, for the next person. Raises Conflict when the receiver was not interested.

    Also when it is taken or done, and was not `shown` so to who asks: what a colleague did meanwhile stays.
    """
    if not request.is_interested:
        raise Conflict("the receiver was not interested; there is nothing to do")
    if shown and request.state is not RequestState.NEW:
        _refuse_other(request, shown)
    return replace(request, state=RequestState.NEW, handled_by_email=None, handled_at=None)


def _refuse_other(request: CallbackRequest, shown: ShownState) -> None:
    """Raises Conflict where someone has taken the request, or was done with it, since it was shown."""
    if not shown.is_still(request):
        did = "was marked as done" if request.state is RequestState.DONE else "is taken"
        raise Conflict(f"this request {did} by {request.handled_by_email}")


def config_name(text: str) -> str:
    """A configuration's name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="configuration name")


def check_hours(hours: Week, *, slot_picker: bool) -> None:
    """Raises InvalidInput for a slot picker that would have no slot to pick."""
    if slot_picker and hours == CLOSED:
        raise InvalidInput("hours are required with a slot picker", field="hours")


def offer_of(terms: CallbackTerms, now: datetime, zone: tzinfo) -> CallbackOffer:
    """What is offered at `now`; slots as texts in the device's own zone, `2026-01-03T09:00:00+04:00`."""
    starts = slots(terms.hours, terms.time_zone, now) if terms.slot_picker else []
    return CallbackOffer(terms.name, terms.slot_picker, [start.astimezone(zone).isoformat() for start in starts])


def other_number(asked: NewCallbackRequest, receiver: PhoneNumber) -> PhoneNumber | None:
    """The number to call instead of the receiver's own, None for none. Raises InvalidInput for the business's."""
    if asked.alternate_number == asked.business_number:
        raise InvalidInput("alternate_number is the number that called", field="alternate_number")
    return None if asked.alternate_number == receiver else asked.alternate_number


def chosen_slot(asked: NewCallbackRequest, terms: CallbackTerms, now: datetime) -> datetime | None:
    """When the slot that was asked for begins; None where there is none to choose. Raises InvalidInput about `slot`.

    It must be one that is offered at `now`, in whichever zone it is written: the device may have moved meanwhile.
    """
    wanted = asked.is_interested and terms.slot_picker
    if wanted and asked.slot is None:
        raise InvalidInput("slot is required", field="slot")
    if asked.slot is None:
        return None
    if not wanted:
        why = "without a slot picker" if asked.is_interested else "when the receiver is not interested"
        raise InvalidInput(f"slot must not be given {why}", field="slot")
    for start in slots(terms.hours, terms.time_zone, now):
        if start == _instant(asked.slot):
            return start
    raise InvalidInput("slot is not one of the slots offered now", field="slot")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput("slot is invalid", field="slot") from exc
    if instant.tzinfo is None:
        raise InvalidInput("slot is invalid", field="slot")
    return instant


def payload_of(request: CallbackRequest, zone: ZoneInfo) -> Mapping[str, object]:
    """The `cmb_payload` of a request, keys in the documented order; the slot's date and weekday are those of `zone`.

    Source: contract, sections 9.4 and 9.5. Assumption: the business's own zone, because its people read them.
    """
    start = request.slot_starts_at
    wall = start.astimezone(zone) if start else None
    client, alternate = _numbers(request)
    return {
        "business_number": request.business_number,
        "number_group" if request.is_number_group else "feature_set": request.feature_set_name,
        "client_number": client,
        "requested_at": epoch_text(request.requested_at),
        "requested_date": wall.date().isoformat() if wall else NOTHING_CHOSEN,
        "requested_slot": _WEEKDAYS[wall.weekday()] if wall else NOTHING_CHOSEN,
        "preferred_from_time": epoch_text(start) if start else None,
        "preferred_to_time": epoch_text(start + SLOT) if start else None,
        "is_interested": request.is_interested,
        "alternate_number": alternate,
        "cmb_config_name": request.config_name,
    }


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""English whatever the machine's language is."""


def _numbers(request: CallbackRequest) -> tuple[str, str]:
    """`client_number` and `alternate_number`: of an unknown SIM, the registered number is the alternate.

    Assumption: an alternate number that the receiver typed goes before the registered one.
    """
    if request.is_sim_unknown:
        return UNKNOWN_CLIENT, request.alternate_number or request.receiver_number
    return request.receiver_number, request.alternate_number or ""
