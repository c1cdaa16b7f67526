"""The pull route over the event log, for a receiver that was down (docs/extensions.md).

Numbers of an account have no gap, so a reader sees when it misses one. That also holds for a token that may not see
every type: an event it may not see is listed with its number alone.
"""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from callmark.domain import news
from callmark.domain.events import service as events
from callmark.domain.events.model import Event
from callmark.domain.policy.plan import KeyAccess
from callmark.surfaces.api.doc_parts import INT64, bad
from callmark.surfaces.api.example_values import ASKED_BACK, event_sample
from callmark.surfaces.api.extensions.records_doc import TAG
from callmark.surfaces.api.request import ApiRequest, limit_of, whole
from callmark.surfaces.api.route import Doc, ParamDoc
from callmark.surfaces.api.waiting import WAIT_ERRORS, WAIT_PARAM, wait_until
from callmark.surfaces.http import Response, render

_HIDDEN = Raw(b"null")
MOST = 1000
USUAL = 100
_LAST_NUMBER = 2**53 - 1
"""No log is so long, and every reader of JSON can hold this number: a greater `after` counts as it."""


class EventOut(msgspec.Struct):
    """One event of the account's log."""

    number: Annotated[
        int,
        Meta(description="Position in the account's log, starting at 1, without gaps.", ge=1, extra_json_schema=INT64),
    ]
    event: Annotated[
        Raw,
        Meta(
            description="The payload exactly as webhooks receive it. Null if this token has no access to the"
            " event's feature.",
            extra_json_schema={"type": ["object", "null"]},
        ),
    ]


class EventPage(msgspec.Struct):
    """Some of the account's events, in order."""

    events: Annotated[list[EventOut], Meta(description="The events, by number.")]
    next_after: Annotated[
        int, Meta(description="Pass this as `after` in the next request.", ge=0, extra_json_schema=INT64)
    ]
    last_number: Annotated[
        int,
        Meta(
            description="The number of the account's newest event; 0 before the first.", ge=0, extra_json_schema=INT64
        ),
    ]


async def list_events(request: ApiRequest) -> Response:
    """`GET events?after=&limit=&wait_s=`."""
    after = whole(request, "after", 0, least=0, held_at=_LAST_NUMBER)
    limit = limit_of(request, USUAL, most=MOST)
    look = partial(events.events_after, request.deps, request.account_id, after, limit)
    found, last_number = await wait_until(request, news.of_events(request.account_id), look, lambda seen: bool(seen[0]))
    next_after = found[-1].number if found else after
    return render(EventPage([_shown(event, request.features) for event in found], next_after, last_number))


def _shown(event: Event, features: frozenset[KeyAccess]) -> EventOut:
    return EventOut(event.number, Raw(event.body.encode()) if event.event_type.feature in features else _HIDDEN)


DOC = Doc(
    name="listEvents",
    summary="List events after a number",
    description=(
        "Returns the account's events of the last 30 days in order: the same payloads that"
        " webhooks receive. Use it when your receiver was down or cannot be called. Repeat"
        " the request with `next_after` until it equals `last_number` or `events` is empty."
        " Numbers have no gaps; numbers missing at the start are older than 30 days. If all"
        " are, `events` is empty and `next_after` stays less than `last_number`. Access to the feature of one kind"
        " of event is enough: events of other features have a number, and `event` is null."
        " With `wait_s`, an answer without events waits for the first one."
    ),
    tag=TAG,
    response=EventPage,
    responses={
        "One event": {
            "events": [{"number": 41, "event": event_sample("cmb", ASKED_BACK)}],
            "next_after": 41,
            "last_number": 41,
        }
    },
    params=(
        ParamDoc(
            "after",
            "Return events with greater numbers; 0 starts at the oldest event that is kept. A number past"
            " the newest event gives an empty page.",
            {"type": "integer", **INT64, "minimum": 0, "default": 0},
        ),
        ParamDoc(
            "limit", "Maximum number of events.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
        ),
        WAIT_PARAM,
    ),
    errors=(
        bad("after is invalid", "not a whole number from 0"),
        bad("limit is invalid", f"not a whole number from 1 to {MOST}"),
        *WAIT_ERRORS,
    ),
)
