"""`/stir/openapi.json`: what call servers ask the role `stir`."""

from collections.abc import Sequence
from typing import Any

from callmark.domain.signed_calls.model import MOST_RECEIVERS, NotAuthorised
from callmark.domain.signed_calls.signing import SIGNED_WITHIN
from callmark.kit.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    PayloadTooLarge,
    RequestTimedOut,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc
from callmark.surfaces.reference.components import JSON, SCHEMAS, headers_of
from callmark.surfaces.reference.openapi import DocumentInfo, bearer
from callmark.surfaces.reference.other_documents import DocumentedRoute, Security, document_of
from callmark.surfaces.stir import calls, signing, verification, wire
from callmark.surfaces.stir.errors import StirFault, body_of, fault_of

ABOUT = DocumentInfo(
    "Callmark signed calls",
    "What a call server (an edge) asks: sign a call that leaves, verify one that arrives, report how it ended",
    """\
The requests are those of ATIS-1000082 and of the Ms interface of 3GPP TS 24.229, in either spelling; answers carry
both. Unknown fields are ignored. A call server signs in with the token of its edge.

Errors of these three are `{"requestError": {"serviceException" | "policyException": {"messageId", "text",
"variables"}}}`, as the standard has them. A proxy that gets an error, or none within a second, lets the call continue
without a name. Certificates (`/stir/v1/certs/{serial}.pem`) and icons (`/brand/{sha256}-{side}x{side}.png`) are public
files, whose addresses are in the tokens.
""",
    {"edgeToken": bearer("The token of an edge, `cmedge_…`, until it is revoked.")},
)
_EDGE: Security = ({"edgeToken": []},)
_CALLS = "Calls"
_CALLER, _RECEIVER = "918040001234", "919900000001"
_TOKEN = "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiJ9.eyJhdHRlc3QiOiJBIn0.c2lnbmF0dXJl"
_IDENTITY = f"{_TOKEN};info=<https://calls.example.com/stir/v1/certs/5f1d.pem>;alg=ES256;ppt=shaken"
_REQUEST_ID = ParamDoc(
    "X-RequestID",
    "The question's name on your side: up to 256 visible characters, repeated in the answer.",
    {"type": "string"},
    "header",
    required=False,
)
_HEADERS = {"X-Request-Id", "WWW-Authenticate"}
"""Those of ours that its errors have."""
_NUMBER_FAULT = "must be a telephone number of 7 to 15 digits with its country code"


def _fault(error: AppError, when: str) -> ErrorDoc:
    """An error of a route that answers as the standard has it."""
    told = fault_of(error)
    return ErrorDoc(told.answer_status, told.message_id, told.message, when, " ".join(told.variables))


_SIGNING = Doc(
    name="signCall",
    summary="Sign a call",
    description=(
        "The `Identity` headers of a call that leaves. The caller must be a number that an account has proven, listed "
        "or named in an open record: the edge's own account, where it has one. A proven number is attested in full, "
        "another in part; neither more than `attest`. With C, or with B of an operator's edge, nothing is named. What "
        "the phone shows stands in a header of the kind `rcd`, or in the first one where the certificate does not list "
        "the number."
    ),
    tag=_CALLS,
    request=wire.SigningBody,
    requests={
        "A call to one receiver": {
            "signingRequest": {
                "attest": "A",
                "orig": {"tn": _CALLER},
                "dest": {"tn": [_RECEIVER]},
                "iat": 1_767_261_600,
                "origid": "6f1c2b1e-0d1f-4a57-9a52-6d6a3c1f7b10",
            }
        }
    },
    response=wire.SigningAnswer,
    responses={
        "Signed": {"signingResponse": {"identity": _IDENTITY, "identityHeader": _IDENTITY, "identityHeaders": []}}
    },
    params=(_REQUEST_ID,),
    errors=(
        _fault(StirFault(400, "SVC4001", "origid"), "one of the five is missing"),
        _fault(InvalidInput(f"iat must be within {SIGNED_WITHIN.seconds} s of now"), "a clock that is wrong"),
        _fault(wire.invalid(f"orig {_NUMBER_FAULT}"), "no telephone number"),
        _fault(NotAuthorised(), "the number is of no account, or of another one than the edge's"),
        _fault(NotAuthorised("the account has no certificate to sign with"), "neither issued nor imported"),
    ),
)
_VERIFICATION = Doc(
    name="verifyCall",
    summary="Verify a call",
    description=(
        f"The verdict on a call that arrives, by its `Identity` headers (at most {wire.MOST_HEADERS}), and what the "
        "phone may show. Every header is judged. A verdict is no error: a forged call is answered with 200 and "
        "`TN-Validation-Failed`."
    ),
    tag=_CALLS,
    request=wire.VerificationBody,
    requests={
        "A signed call": {
            "verificationRequest": {
                "identityHeaders": [_IDENTITY],
                "from": {"tn": _CALLER},
                "to": {"tn": [_RECEIVER]},
            }
        }
    },
    response=wire.VerificationAnswer,
    responses={
        "No header": {
            "verificationResponse": {
                "verstat": "No-TN-Validation",
                "verstatValue": "No-TN-Validation",
                "verifyResults": [],
            }
        }
    },
    params=(_REQUEST_ID,),
    errors=(
        _fault(wire.invalid("from must be one number"), "none, or several"),
        _fault(wire.invalid(f"there must be at most {wire.MOST_HEADERS} Identity headers"), "more of them"),
    ),
)
_CALL = Doc(
    name="reportSignedCall",
    summary="Report how a call ended",
    description=(
        "Reports may be sent again until they are answered: of a `call_id` the first one stands, and each gets the "
        "call as it is kept. `shown` says that the phone had a verified name to show."
    ),
    tag=_CALLS,
    request=wire.CallOutcomeBody,
    requests={
        "An answered call": {
            "call_id": "3848276298220188511@pbx.example.com",
            "orig": _CALLER,
            "dest": _RECEIVER,
            "outcome": "answered",
            "seconds": 42,
            "shown": True,
        }
    },
    response=wire.CallAnswer,
    responses={
        "A call of a record": {
            "call_id": "0197a3c2-5b1e-7c44-9a52-6d6a3c1f7b10",
            "source": "call_record",
            "record_id": "0197a3c2-4f00-7d11-8a52-1d6a3c1f7b22",
            "outcome": "answered",
        }
    },
    params=(_REQUEST_ID,),
    errors=(
        _fault(wire.invalid("outcome must be answered, missed or rejected"), "another word"),
        _fault(
            NotAuthorised("the call is not of this edge's account"), "the edge has an account, and it is another one"
        ),
    ),
)
_OPERATIONS = (
    DocumentedRoute("POST", "/stir/v1/signing", _SIGNING, _EDGE, signing.MOST_BYTES),
    DocumentedRoute("POST", "/stir/v1/verification", _VERIFICATION, _EDGE, verification.MOST_BYTES),
    DocumentedRoute("POST", "/stir/v1/calls", _CALL, _EDGE, calls.MOST_BYTES),
)
_MANDATORY = {
    "SigningIn": ("attest", "orig", "dest", "iat", "origid"),
    "SigningBody": ("signingRequest",),
    "VerificationIn": ("from", "to"),
    "VerificationBody": ("verificationRequest",),
    "CallOutcomeBody": ("call_id", "orig", "dest", "outcome"),
    "CallingParty": ("tn",),
    "CalledParty": ("tn",),
}
"""What a request must have. Its Structs leave it open, because the standard has a message of its own for what lacks."""
_ONE_FORM: dict[str, Json] = {
    "CallingParty": {"type": "string"},
    "CalledParty": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_RECEIVERS},
}
"""How each side has its numbers in the standard. The server reads both forms on both sides; of such a choice generators
for Java make what does not compile (docs/decisions/0015-generated-clients.md)."""


class StirErrors:
    """Errors as the standard has them."""

    def __init__(self) -> None:
        self.components: Json = {"RequestError": _SCHEMA}

    def of(self, route: DocumentedRoute) -> Json:
        """The route's error answers, by status."""
        errors = [*route.doc.errors, *_shared_errors(route)]
        return {str(status): _answer(status, errors) for status in sorted({one.status for one in errors})}


def _shared_errors(route: DocumentedRoute) -> list[ErrorDoc]:
    return [
        _fault(StirFault(400, "SVC4000"), "the body is empty"),
        _fault(StirFault(400, "SVC4006", "JSON is malformed"), "the body is not JSON"),
        _fault(Unauthenticated(), "the token is missing, unknown or revoked"),
        _fault(Forbidden(), "the edge's account is suspended"),
        _fault(StirFault(406, "SVC4002", "text/html"), "an `Accept` without JSON"),
        _fault(RequestTimedOut(), "the body took too long to arrive"),
        _fault(PayloadTooLarge(route.largest_body_bytes), f"the body is over {route.largest_body_bytes >> 10} KiB"),
        _fault(UnsupportedMedia(), "a `Content-Type` other than `application/json`"),
        _fault(AppError("internal error"), "a fault of the server"),
        _fault(Unavailable(""), "an engine did not answer in time"),
    ]


def _answer(status: int, errors: Sequence[ErrorDoc]) -> Json:
    here = [one for one in errors if one.status == status]
    told = [f"`{one.slug}`: {one.message} ({one.when})" for one in here]
    headers = {name: one for name, one in headers_of(status, limited=False).items() if name in _HEADERS}
    examples: dict[str, Any] = {
        f"{one.slug}-{number}": {
            "summary": one.when,
            "value": body_of(StirFault(one.status, one.slug, *([one.field] if one.field else []))),
        }
        for number, one in enumerate(here, 1)
    }
    return {
        "description": told[0] if len(told) == 1 else "\n".join(f"* {one}" for one in told),
        "headers": headers,
        "content": {JSON: {"schema": {"$ref": f"{SCHEMAS}RequestError"}, "examples": examples}},
    }


_EXCEPTION: Json = {
    "type": "object",
    "properties": {
        "messageId": {"type": "string", "description": "The cause, for machines.", "pattern": "^(SVC|POL)[0-9]{4}$"},
        "text": {"type": "string", "description": "The cause; `%1` stands for the first of `variables`."},
        "variables": {"type": "array", "items": {"type": "string"}, "description": "What the text speaks of."},
    },
    "required": ["messageId", "text", "variables"],
}
_SCHEMA: Json = {
    "type": "object",
    "description": "An error as ATIS-1000082 has it.",
    "properties": {
        "requestError": {
            "type": "object",
            "description": "One of the two.",
            "properties": {
                "serviceException": _EXCEPTION | {"description": "The request, or the service itself, is at fault."},
                "policyException": _EXCEPTION | {"description": "It is not permitted."},
            },
        }
    },
    "required": ["requestError"],
}


def stir_openapi(public_url: str, version: str) -> Json:
    """The whole document."""
    document = document_of(ABOUT, _OPERATIONS, public_url, version, StirErrors())
    schemas: Json = document["components"]["schemas"]
    for name, fields in _MANDATORY.items():
        schemas[name]["required"] = list(fields)
    for name, form in _ONE_FORM.items():
        told: Json = schemas[name]["properties"]["tn"]
        del told["anyOf"]
        told |= form
    return document
