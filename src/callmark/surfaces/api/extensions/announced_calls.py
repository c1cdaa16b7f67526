"""`POST /extensions/v1/clients/{id}/calls`: a business announces a call (docs/number-ownership.md)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.announced_calls.model import (
    AFTER_CONNECTED,
    LONGEST_CALL_ID,
    RINGS_FOR,
    AnnouncedCall,
    AnnouncedState,
    CallAnnouncement,
)
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.surfaces.api.doc_parts import BAD_JSON, DATE_TIME, bad, conflict
from callmark.surfaces.api.extensions.records_doc import TAG
from callmark.surfaces.api.own.request import body_of
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import Doc
from callmark.surfaces.http import Response, render

_NUMBER = {"pattern": r"^\+?[1-9][0-9]{6,14}$"}
_CALL_ID = f"Your own name for the call, 1 to {LONGEST_CALL_ID} characters."


class CallAnnouncementBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a business says of a call."""

    call_id: Annotated[str, Meta(description=_CALL_ID)]
    caller: Annotated[
        str, Meta(description="A number that the account lists; `+` is optional.", extra_json_schema=_NUMBER)
    ]
    receiver: Annotated[str, Meta(description="Who is called; `+` is optional.", extra_json_schema=_NUMBER)]
    state: Annotated[AnnouncedState, Meta(description="How far the call is.")]


class AnnouncedCallView(msgspec.Struct):
    """An announced call."""

    call_id: Annotated[str, Meta(description="Your name for the call.")]
    caller: Annotated[str, Meta(description="Who calls: country code and digits, no `+`.")]
    receiver: Annotated[str, Meta(description="Who is called.")]
    state: Annotated[AnnouncedState, Meta(description="How far the call is; it never goes back.")]
    announced_at: Annotated[str, Meta(description="When it was first announced, UTC.", extra_json_schema=DATE_TIME)]
    shown_until: Annotated[
        str, Meta(description="A handset that asks before this instant shows it, UTC.", extra_json_schema=DATE_TIME)
    ]


async def announce_call(request: ApiRequest) -> Response:
    """`POST calls`."""
    body = body_of(request, CallAnnouncementBody)
    said = CallAnnouncement(
        body.call_id, _number(body.caller, "caller"), _number(body.receiver, "receiver"), body.state
    )
    return render(_view(await announced_calls.announce(request.deps, request.account_id, said)))


def _number(text: str, field: str) -> PhoneNumber:
    number = parse_loose(text)
    if number is None:
        raise InvalidInput(f"{field} is not a valid phone number", field=field)
    return number


def _view(call: AnnouncedCall) -> AnnouncedCallView:
    return AnnouncedCallView(
        call.call_id, call.caller, call.receiver, call.state, iso_ms(call.announced_at), iso_ms(call.shown_until)
    )


_SENT = {"call_id": "dialer-7f3a", "caller": "918040001234", "receiver": "919900112233", "state": "ringing"}
DOC = Doc(
    name="announceCall",
    summary="Announce a call",
    description=(
        "Says that the account makes this call now. An account that shows its identity in announced calls only needs"
        " it for every call without a call record, before the phone rings. An announcement counts for"
        f" {RINGS_FOR.seconds} seconds, for {AFTER_CONNECTED.seconds} more once the call is `connected`, and no longer"
        " once it has `ended`. You can safely repeat the request; a state that the call has passed changes nothing."
    ),
    tag=TAG,
    request=CallAnnouncementBody,
    requests={
        "It rings": _SENT,
        "It was answered": _SENT | {"state": "connected"},
        "It ended": _SENT | {"state": "ended"},
    },
    response=AnnouncedCallView,
    responses={
        "Announced": _SENT | {"announced_at": "2026-01-01T10:00:05.412Z", "shown_until": "2026-01-01T10:02:05.412Z"}
    },
    errors=(
        BAD_JSON,
        bad("caller is not a valid phone number", "not 7 to 15 digits", "caller"),
        bad("receiver is not a valid phone number", "not 7 to 15 digits", "receiver"),
        bad("caller is not a number of this account", "the account does not list it", "caller"),
        bad(f"call_id must have 1 to {LONGEST_CALL_ID} printable characters", "empty or too long", "call_id"),
        bad("unknown key to in the body; known: call_id, caller, receiver, state", "a field that does not exist", "to"),
        conflict("this call_id is that of a call between other numbers", "the `call_id` was used within a day"),
    ),
)
