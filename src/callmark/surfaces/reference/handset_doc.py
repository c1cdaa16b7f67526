"""`/handset/openapi.json`: the gateway's verbs as plain HTTP, from its own table. The stream is in AsyncAPI."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from callmark.kit.errors import Conflict, Forbidden, InvalidInput
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.route import Doc
from callmark.surfaces.gateway import wire
from callmark.surfaces.reference.asyncapi import FROM_HANDSET, IDENTITY, LISTED, OFFERS, RECORD
from callmark.surfaces.reference.openapi import DocumentInfo, bearer
from callmark.surfaces.reference.other_documents import DocumentedRoute, Security, document_of, told_by

ABOUT = DocumentInfo(
    "Callmark handset gateway, plain HTTP",
    "What a caller-ID app on a handset does: register, fetch what to show, report the outcome of calls",
    """\
A handset acts for the one phone number that it registered. It registers with the operator's app credential and gets a
token for everything else. Apps that stay connected use the stream, which is described in `/asyncapi.json`; these are
the same verbs for apps that wake up for one call.

Everything may be sent twice: what is repeated changes nothing. Phone numbers are country code and digits; a leading
`+` is dropped. Windows are judged by the server's clock. Unknown fields are ignored.

Errors are `{"slug", "message"}`. 4xx: change the request; 408: send the same again; 503: the same, after
`Retry-After` seconds. Every answer carries `X-Request-Id`.
""",
    {
        "appCredential": bearer("The operator's credential of a handset app, `cmapp_…`."),
        "handsetToken": bearer("The token of a registration, `cmhs_…`, until it ends."),
    },
)
_APP: Security = ({"appCredential": []},)
_HANDSET: Security = ({"handsetToken": []},)
_SENT = {frame.name: {key: one for key, one in frame.example.items() if key != "id"} for frame in FROM_HANDSET}
_BAD_NUMBER = "is not a valid phone number"
_NOT_OURS = told_by(Forbidden, "record belongs to another receiver", "a reference names another number")
_GUARDED = told_by(
    Forbidden, "a page of another site may not use the emulator", "in emulator mode, a browser's page of another site"
)
_REGISTRATION = "Registration"
_IDENTITIES = "What to show"
_CALLS = "Calls"

_REGISTER = Doc(
    name="registerHandset",
    summary="Register a handset",
    description=(
        "Makes the number's one live registration. An older one of the same number ends, and its stream is closed. An "
        "app that was updated registers again, so that its new version counts."
    ),
    tag=_REGISTRATION,
    request=wire.RegistrationBody,
    requests={"An Android handset": {"phone_number": "919900000001", "os": "android", "app_version": "4.2.0"}},
    status=201,
    response=wire.RegistrationAnswer,
    responses={"Registered": {"phone_number": "919900000001", "generation": 3, "token": "cmhs_3q2-7wEXAMPLE"}},
    errors=(told_by(InvalidInput, f"phone_number {_BAD_NUMBER}", "no country code, or not a number"), _GUARDED),
)
_FORGET = Doc(
    name="forgetHandset",
    summary="End the registration",
    description="The app was uninstalled, or the user signed out. The token ends, and its stream is closed.",
    tag=_REGISTRATION,
    status=204,
    response=None,
    errors=(_GUARDED,),
)
_SYNC = Doc(
    name="syncHandset",
    summary="Fetch what the handset lacks",
    description=(
        "One page of the open call records that the handset lacks, and those of the held ones that were withdrawn. "
        f"Held ids (at most {wire.MOST_IDS_A_SYNC}) count as acknowledged. Continue while `cursor` is not null."
    ),
    tag=_IDENTITIES,
    request=wire.SyncBody,
    requests={"One record is held": _SENT["sync"]},
    response=wire.SyncAnswer,
    responses={
        "One is lacking": {
            "now": 1_767_261_600_000,
            "identities": [IDENTITY],
            "withdrawn": [],
            "cursor": None,
        }
    },
    errors=(told_by(InvalidInput, "cursor is invalid", "not one that was answered"), _GUARDED),
)
_ACK = Doc(
    name="acknowledgeRecords",
    summary="Acknowledge records",
    description=f"The handset holds these records (at most {wire.MOST_ACKS}) and will show them in their windows.",
    tag=_IDENTITIES,
    request=wire.AckBody,
    requests={"One record": {"records": [RECORD]}},
    status=204,
    response=None,
    errors=(told_by(InvalidInput, "record.ends_at is invalid", "no instant"), _NOT_OURS, _GUARDED),
)
_RESOLVE = Doc(
    name="resolveCaller",
    summary="Ask who is calling",
    description="What shows when this caller rings now, and what the screen may offer afterwards. Not to be kept.",
    tag=_IDENTITIES,
    request=wire.ResolveBody,
    requests={"A ring": _SENT["resolve"]},
    response=wire.ResolveAnswer,
    responses={
        "The number is listed": {
            "caller_number": "918040001234",
            "identity": LISTED,
            "source": "listed_number",
            "why": "the caller's number is listed, and its feature set is published",
            "offers": OFFERS,
        },
        "Nothing shows": {
            "caller_number": "918040001234",
            "identity": None,
            "source": "none",
            "why": "no call record of this caller for this handset; the caller's number is not listed",
            "offers": {},
        },
    },
    errors=(told_by(InvalidInput, f"caller_number {_BAD_NUMBER}", "no country code, or not a number"), _GUARDED),
)
_CALL = Doc(
    name="reportCall",
    summary="Report a fact of a call",
    description=(
        "That an identity was shown, or how the call ended. Send it again until it is answered. `record` is there when "
        "`source` is `call_record`, and only then."
    ),
    tag=_CALLS,
    request=wire.CallBody,
    requests={"Shown": _SENT["call"]},
    status=204,
    response=None,
    errors=(
        told_by(InvalidInput, "record is required with source call_record, and only with it", "one without the other"),
        _NOT_OURS,
        _GUARDED,
    ),
)
_CALL_ME_BACK = Doc(
    name="askToBeCalledBack",
    summary="Ask to be called back",
    description="After a missed or rejected call that has been reported; or says that the receiver is not interested.",
    tag=_CALLS,
    request=wire.CallMeBackBody,
    requests={"In a slot": _SENT["call_me_back"]},
    status=204,
    response=None,
    errors=(
        told_by(InvalidInput, "business_number offers no call back", "it is not listed, or the offer is off"),
        told_by(InvalidInput, "slot is not one of those offered now", "it has passed, or was never offered"),
        told_by(
            Conflict, "no missed or rejected call from this number has been reported", "report the call before this"
        ),
        told_by(
            Conflict, "this number has been asked to call back too often within 24 hours", "by default after 50 times"
        ),
        _GUARDED,
    ),
)
_FEEDBACK = Doc(
    name="answerCampaign",
    summary="Answer a campaign",
    description="After a call that has been reported. A call is answered about once; again, nothing changes.",
    tag=_CALLS,
    request=wire.FeedbackBody,
    requests={"A choice": _SENT["feedback"]},
    status=204,
    response=None,
    errors=(
        told_by(InvalidInput, "answer is none of the question's options", "a choice"),
        told_by(Conflict, "this campaign is not live", "it has ended"),
        told_by(Conflict, "no answered call from this number has been reported under this call_id", "report it first"),
        _GUARDED,
    ),
)
_UPGRADE = "stream"
"""A WebSocket: AsyncAPI describes it, OpenAPI cannot."""

_OPERATIONS: dict[tuple[str, str], DocumentedRoute] = {
    (one.method, one.path): one
    for one in (
        DocumentedRoute("POST", "registrations", _REGISTER, _APP),
        DocumentedRoute("DELETE", "registrations", _FORGET, _HANDSET),
        DocumentedRoute("POST", "sync", _SYNC, _HANDSET),
        DocumentedRoute("POST", "ack", _ACK, _HANDSET, wire.ACK_BODY_BYTES),
        DocumentedRoute("POST", "resolve", _RESOLVE, _HANDSET),
        DocumentedRoute("POST", "call", _CALL, _HANDSET),
        DocumentedRoute("POST", "call_me_back", _CALL_ME_BACK, _HANDSET),
        DocumentedRoute("POST", "feedback", _FEEDBACK, _HANDSET, wire.FEEDBACK_BODY_BYTES),
    )
}


def handset_openapi(table: Mapping[str, Mapping[str, Any]], public_url: str, version: str) -> Json:
    """The whole document, of the gateway's table. Raises LookupError for a verb without a description."""
    routes = [(method, verb) for verb, methods in table.items() if verb != _UPGRADE for method in methods]
    told = [replace(_OPERATIONS[route], path=f"/handset/v1/{route[1]}") for route in routes]
    return document_of(ABOUT, told, public_url, version)
