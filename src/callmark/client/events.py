"""Events of webhooks and of the event log, typed (contract 9.3 to 9.6), and the cursor that reads the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any

from msgspec import Struct

from callmark.client.core import Call, Core
from callmark.client.errors import Conflict
from callmark.client.flow import Flow
from callmark.client.loose_json import as_list, as_object
from callmark.client.real_dates import datetime
from callmark.client.records import Json
from callmark.client.reprs import SafeRepr

CALL_ME_BACK, USER_FEEDBACK, POSSIBLE_SPOOF = "cmb", "user_feedback", "possible_spoof"
UNAVAILABLE = "phone number not available"
"""In any case. Source: contract 9.4."""
_NOT_GIVEN = {"", "NA"}


@dataclass(frozen=True, kw_only=True, repr=False)
class Event(SafeRepr):
    """What every event has; of a type that this version does not know, all of it is in `raw`."""

    event_id: str = ""
    """The same on every attempt and in the event log: keep it, and skip what you have had."""
    event_type: str = ""
    client_account_id: str = ""
    created_at: datetime | None = None
    number: int | None = None
    """Its place in the account's event log; None for one that came as a webhook."""
    raw: Json = field(default_factory=dict[str, Any], repr=False, hash=False)
    """The body as it came, with keys that this version does not know."""


class Slot(Struct, frozen=True, kw_only=True):
    """The half hour in which to call back; aware datetimes in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, repr=False)
class CallMeBackEvent(Event):
    """Someone wants to be called back, or says that they do not (`is_interested`)."""

    business_number: str = ""
    """The number that called."""
    feature_set: str | None = None
    """The feature set's name; None of an old console."""
    number_group: str | None = None
    """Of an old console: the number group's name (contract 9.5)."""
    client_number: str | None = None
    """Who called; None if the phone does not know its own number. `callable_number` is then the other one."""
    requested_at: datetime | None = None
    requested_date: date | None = None
    requested_slot: str | None = None
    """The weekday of the slot, `Saturday`."""
    preferred_from_time: datetime | None = None
    preferred_to_time: datetime | None = None
    is_interested: bool = True
    alternate_number: str | None = None
    cmb_config_name: str = ""

    @property
    def slot(self) -> Slot | None:
        """When to call; None without a slot picker, and when nobody wants a call."""
        if self.preferred_from_time is None or self.preferred_to_time is None:
            return None
        return Slot(start=self.preferred_from_time, end=self.preferred_to_time)

    @property
    def callable_number(self) -> str | None:
        """The number to call: the client's, else the alternate one."""
        return self.client_number or self.alternate_number


class FeedbackResponse(Struct, frozen=True, kw_only=True):
    """One answer; of a call rating, `answer` is the rating."""

    question_id: str = ""
    question: str = ""
    answer: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class FeedbackEvent(Event):
    """Someone answered a campaign."""

    business_number: str = ""
    feature_set: str | None = None
    number_group: str | None = None
    client_number: str | None = None
    campaign_id: str = ""
    campaign_name: str = ""
    campaign_type: str = ""
    """`call_rating` or `questions`."""
    call_type: str = ""
    """`answered` or `missed`."""
    responded_at: datetime | None = None
    responses: tuple[FeedbackResponse, ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class PossibleSpoofEvent(Event):
    """A call from a listed number of the account may not be the account's own (docs/webhooks.md)."""

    business_number: str = ""
    """The number that the call came from."""
    client_number: str | None = None
    """Who was called."""
    detected_at: datetime | None = None
    cause: str = ""
    """`foreign_signing_request`, `foreign_signature` or `not_announced`."""


def read_event(raw: Mapping[str, Any], number: int | None = None) -> Event:
    """The event that a body says; lenient, because a receiver must not lose an event over an odd field."""
    kind = str(raw.get("event_type", ""))
    common: Json = {
        "event_id": str(raw.get("event_id", "")),
        "event_type": kind,
        "client_account_id": str(raw.get("client_account_id", "")),
        "created_at": _instant(raw.get("created_at")),
        "number": number,
        "raw": dict(raw),
    }
    found = as_object(raw.get(f"{kind}_payload"))
    if not found:
        return Event(**common)
    if kind == CALL_ME_BACK:
        return CallMeBackEvent(**common, **_place(found), **_callback(found))
    if kind == USER_FEEDBACK:
        return FeedbackEvent(**common, **_place(found), **_feedback(found))
    if kind == POSSIBLE_SPOOF:
        return PossibleSpoofEvent(**common, **_spoof(found))
    return Event(**common)


def _place(payload: Json) -> Json:
    return {
        "business_number": str(payload.get("business_number", "")),
        "feature_set": _optional(payload.get("feature_set")),
        "number_group": _optional(payload.get("number_group")),
        "client_number": _number(payload.get("client_number")),
    }


def _callback(payload: Json) -> Json:
    return {
        "requested_at": _instant(payload.get("requested_at")),
        "requested_date": _date(payload.get("requested_date")),
        "requested_slot": _optional(payload.get("requested_slot")),
        "preferred_from_time": _instant(payload.get("preferred_from_time")),
        "preferred_to_time": _instant(payload.get("preferred_to_time")),
        "is_interested": payload.get("is_interested") is not False,
        "alternate_number": _number(payload.get("alternate_number")),
        "cmb_config_name": str(payload.get("cmb_config_name", "")),
    }


def _feedback(payload: Json) -> Json:
    return {
        "campaign_id": str(payload.get("campaign_id", "")),
        "campaign_name": str(payload.get("campaign_name", "")),
        "campaign_type": str(payload.get("campaign_type", "")),
        "call_type": str(payload.get("call_type", "")),
        "responded_at": _instant(payload.get("responded_at")),
        "responses": tuple(_response(as_object(one)) for one in as_list(payload.get("responses")) or ()),
    }


def _spoof(payload: Json) -> Json:
    return {
        "business_number": str(payload.get("business_number", "")),
        "client_number": _number(payload.get("client_number")),
        "detected_at": _instant(payload.get("detected_at")),
        "cause": str(payload.get("cause", "")),
    }


def _response(given: Json) -> FeedbackResponse:
    return FeedbackResponse(
        question_id=str(given.get("question_id", "")),
        question=str(given.get("question", "")),
        answer=str(given.get("answer", "")),
    )


def _instant(value: object) -> datetime | None:
    """A string of epoch seconds (contract 1.4)."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _optional(value: object) -> str | None:
    return None if value is None or str(value) in _NOT_GIVEN else str(value)


def _number(value: object) -> str | None:
    text = _optional(value)
    return None if text is None or text.lower() == UNAVAILABLE else text


class _LoggedEvent(SafeRepr, Struct):
    number: int
    event: dict[str, Any] | None = None


class _EventPage(Struct):
    events: list[_LoggedEvent] = []
    next_after: int = 0
    last_number: int = 0


@dataclass
class EventLog:
    """Reads the log page by page behind a cursor (docs/extensions.md)."""

    after: int
    """The number of the last event that was handed over; what to store."""
    limit: int
    """The most events of a page."""
    wait_s: int = 0
    """How long the server may wait for news before the end is the end."""
    page: list[_LoggedEvent] = field(default_factory=list[_LoggedEvent], repr=False)
    _is_at_end: bool = field(default=False, repr=False)

    def next_event(self, core: Core) -> Flow[Event | None]:
        """The next event; None at the present end. Events of a type that the key may not see are passed.

        Raises Conflict if the log ends before `after`: it is another log, whose events were not handed over.
        """
        while True:
            while self.page:
                logged = self.page.pop(0)
                self.after = logged.number
                if logged.event is not None:
                    return read_event(logged.event, logged.number)
            if self._is_at_end:
                self._is_at_end = False  # asked once more, it looks again
                return None
            query = {"after": str(self.after), "limit": str(self.limit)}
            if self.wait_s:
                query["wait_s"] = str(self.wait_s)
            page = yield from core.fetch(Call("GET", f"{core.extensions}/events", query=query), _EventPage)
            if page.last_number < self.after:
                raise Conflict(
                    f"the event log ends at {page.last_number}, before {self.after}: it began again, as after a reset "
                    "or a restore. Start with after=0, and skip the events whose event_id you have had",
                    status=0,
                )
            self.page = page.events
            is_end = page.next_after >= page.last_number and not self.wait_s
            self._is_at_end = is_end or not page.events
