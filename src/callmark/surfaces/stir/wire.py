"""The JSON of the role `stir`: ATIS-1000082 and the Ms interface of 3GPP TS 24.229. Nothing but shapes.

Requests may be in either spelling; answers carry both. What is not named here is ignored.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from callmark.broken_json import NOT_JSON
from callmark.domain.calls.model import Call, CallEvent, CallSource
from callmark.domain.signed_calls.model import (
    MOST_RECEIVERS,
    CallVerdict,
    HeaderVerdict,
    SigningRequest,
    VerificationRequest,
    Verstat,
)
from callmark.domain.signed_calls.outcomes import LATEST_REPORT, LONGEST_CALL, CallOutcome
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.passport import Attestation, call_info, canonical_number
from callmark.surfaces.stir.errors import StirFault

MOST_HEADERS = 10
LONGEST_CALL_ID = 255
_INT64 = {"format": "int64"}
_OUTCOMES = {one.value: one for one in (CallEvent.ANSWERED, CallEvent.MISSED, CallEvent.REJECTED)}
LATEST_IAT = 253_402_300_799
_Body = TypeVar("_Body", bound=Struct)
_Value = TypeVar("_Value")


class Numbers(Struct):
    """One telephone number or several. Both forms are read; the document has one of them for each side of a call."""

    tn: Annotated[
        str | list[str] | UnsetType, Meta(description="Telephone numbers with country code, in any spelling of SIP.")
    ] = UNSET


class CallingParty(Numbers):
    """Who calls: one telephone number."""


class CalledParty(Numbers):
    """Who is called: one telephone number or several."""


# signing ------------------------------------------------------------------------------------------------------------


class SigningIn(Struct, rename="camel"):
    """A call to sign. All five are mandatory."""

    attest: Annotated[
        str | UnsetType,
        Meta(description="The most that you can answer for.", extra_json_schema={"enum": ["A", "B", "C"]}),
    ] = UNSET
    orig: Annotated[CallingParty | UnsetType, Meta(description="Who calls: one number.")] = UNSET
    dest: Annotated[CalledParty | UnsetType, Meta(description="Who is called.")] = UNSET
    iat: Annotated[
        int | UnsetType, Meta(description="When the call was made, epoch seconds.", extra_json_schema=_INT64)
    ] = UNSET
    origid: Annotated[
        str | UnsetType, Meta(description="Where it came from, as a UUID.", extra_json_schema={"format": "uuid"})
    ] = UNSET


class SigningBody(Struct, rename="camel"):
    """The body of `POST /stir/v1/signing`."""

    signing_request: Annotated[SigningIn | UnsetType, Meta(description="The call.")] = UNSET


class SigningOut(Struct, rename="camel"):
    """The `Identity` headers: `identity` (and, in the other spelling, `identityHeader`) is of the kind `shaken`."""

    identity: Annotated[str, Meta(description="The `Identity` header of the kind `shaken`.")]
    identity_header: Annotated[str, Meta(description="The same, as 3GPP names it.")]
    identity_headers: Annotated[
        list[str], Meta(description="Further headers of the same call: one of the kind `rcd`, or none.")
    ]


class SigningAnswer(Struct, rename="camel"):
    """The answer of `POST /stir/v1/signing`."""

    signing_response: Annotated[SigningOut, Meta(description="Its headers.")]


def read_signing(body: bytes) -> SigningRequest:
    """The request of a body. Raises StirFault."""
    asked = given(decode(SigningBody, body).signing_request, "signingRequest")
    attest = given(asked.attest, "attest")
    callers = read_numbers(asked.orig, "orig")
    receivers = read_numbers(asked.dest, "dest")
    iat, origid = given(asked.iat, "iat"), given(asked.origid, "origid")
    if attest not in set(Attestation):
        raise invalid("attest must be A, B or C")
    if len(callers) != 1:
        raise invalid("orig must be one number")
    if not 0 <= iat <= LATEST_IAT:
        raise invalid("iat must be epoch seconds")
    if (known := parse_uuid(origid)) is None:
        raise invalid("origid must be a UUID")
    return SigningRequest(callers[0], receivers, Attestation(attest), known, datetime.fromtimestamp(iat, UTC))


# verification -------------------------------------------------------------------------------------------------------


class VerificationIn(Struct, rename="camel"):
    """A call to verify: who calls and who is called, from the signalling, and its `Identity` headers."""

    identity: Annotated[str | UnsetType, Meta(description="An `Identity` header of the call.")] = UNSET
    identity_header: Annotated[str | UnsetType, Meta(description="The same, as 3GPP names it.")] = UNSET
    identity_headers: Annotated[list[str], Meta(description="Further ones, or all of them.")] = []
    from_: Annotated[CallingParty | UnsetType, Meta(description="Who calls: one number.")] = field(
        default=UNSET, name="from"
    )
    to: Annotated[CalledParty | UnsetType, Meta(description="Who is called.")] = UNSET


class VerificationBody(Struct, rename="camel"):
    """The body of `POST /stir/v1/verification`."""

    verification_request: Annotated[VerificationIn | UnsetType, Meta(description="The call.")] = UNSET


class VerifyResult(Struct, rename="camel"):
    """The verdict on one header."""

    ppt: Annotated[str | None, Meta(description="Its kind; empty for a base token, null for one that cannot be read.")]
    status: Annotated[str, Meta(description="`pass` or `fail`.", extra_json_schema={"enum": ["pass", "fail"]})]
    reason_code: Annotated[int | UnsetType, Meta(description="Why it failed: a SIP code.")] = UNSET
    reason_text: Annotated[str | UnsetType, Meta(description="The phrase of that code.")] = UNSET
    reason_description: Annotated[str | UnsetType, Meta(description="Why it failed, for people.")] = UNSET
    valid_claims: Annotated[dict[str, Any] | UnsetType, Meta(description="The claims of a token that counts.")] = UNSET


class VerifyResultOut(Struct, rename="camel"):
    """As 3GPP wraps it."""

    verify_result: Annotated[VerifyResult, Meta(description="The verdict.")]


class VerificationOut(Struct, rename="camel"):
    """The verdict, in both spellings, and what the phone may show."""

    verstat: Annotated[
        Verstat, Meta(description="The verdict, for the parameter `verstat` of `P-Asserted-Identity` or `From`.")
    ]
    verstat_value: Annotated[Verstat, Meta(description="The same, as 3GPP names it.")]
    verify_results: Annotated[list[VerifyResultOut], Meta(description="One for each header, in order.")]
    reasoncode: Annotated[int | UnsetType, Meta(description="Why it failed: a SIP code.")] = UNSET
    reasontext: Annotated[str | UnsetType, Meta(description="The phrase of that code.")] = UNSET
    reasondesc: Annotated[str | UnsetType, Meta(description="Why it failed, for people.")] = UNSET
    display_name: Annotated[str | UnsetType, Meta(description="The name to show. Absent: show none.")] = UNSET
    rcd: Annotated[dict[str, Any] | UnsetType, Meta(description="What of the claim `rcd` is vouched for.")] = UNSET
    crn: Annotated[str | UnsetType, Meta(description="The reason of the call, whole.")] = UNSET
    call_info: Annotated[
        str | UnsetType,
        Meta(description="The value of the header `Call-Info` for the phone, at most 64 of the reason."),
    ] = UNSET


class VerificationAnswer(Struct, rename="camel"):
    """The answer of `POST /stir/v1/verification`."""

    verification_response: Annotated[VerificationOut, Meta(description="The verdict on the call.")]


def read_verification(body: bytes, request_id: str | None) -> VerificationRequest:
    """The request of a body. Raises StirFault."""
    asked = given(decode(VerificationBody, body).verification_request, "verificationRequest")
    callers, receivers = read_numbers(asked.from_, "from"), read_numbers(asked.to, "to")
    if len(callers) != 1:
        raise invalid("from must be one number")
    named = (one for one in (asked.identity, asked.identity_header) if not isinstance(one, UnsetType))
    headers = [one for one in dict.fromkeys([*named, *asked.identity_headers]) if one.strip()]
    if len(headers) > MOST_HEADERS:
        raise invalid(f"there must be at most {MOST_HEADERS} Identity headers")
    return VerificationRequest(headers, callers[0], receivers[0], request_id)


def verification_answer(found: CallVerdict) -> VerificationAnswer:
    """The answer to a verification."""
    out = VerificationOut(found.verstat, found.verstat, [VerifyResultOut(_result(one)) for one in found.verdicts])
    if found.error and found.verstat is not Verstat.PASSED:
        reason = found.error.reason
        out.reasoncode, out.reasontext, out.reasondesc = reason.code, reason.phrase, found.error.detail
    if found.name:
        out.display_name = found.name
    if found.rcd:
        out.rcd = dict(found.rcd)
    if found.reason:
        out.crn = found.reason
    if line := call_info(found.icon, found.reason, integrity=found.integrity):
        out.call_info = line
    return VerificationAnswer(out)


def _result(verdict: HeaderVerdict) -> VerifyResult:
    ppt = verdict.passport.kind.value if verdict.passport else None
    if verdict.error:
        reason = verdict.error.reason
        return VerifyResult(ppt, "fail", reason.code, reason.phrase, verdict.error.detail)
    claims = verdict.verified.claims.as_json() if verdict.verified else {}
    return VerifyResult(ppt, "pass", valid_claims=claims)


# outcomes -----------------------------------------------------------------------------------------------------------


class CallOutcomeBody(Struct):
    """The body of `POST /stir/v1/calls`."""

    call_id: Annotated[str | UnsetType, Meta(description="The call's own name: the `Call-ID` of SIP.")] = UNSET
    orig: Annotated[str | UnsetType, Meta(description="Who called.")] = UNSET
    dest: Annotated[str | UnsetType, Meta(description="Who was called.")] = UNSET
    outcome: Annotated[
        str | UnsetType,
        Meta(description="How it ended.", extra_json_schema={"enum": ["answered", "missed", "rejected"]}),
    ] = UNSET
    seconds: Annotated[int, Meta(description="How long people talked.")] = 0
    shown: Annotated[bool, Meta(description="Whether the phone had a verified name to show.")] = False
    seconds_ago: Annotated[int, Meta(description="How long ago it ended, of a report that had to wait.")] = 0


class CallAnswer(Struct):
    """The call as it is kept; of a `call_id` the first report stands."""

    call_id: Annotated[str, Meta(description="The call's id here.")]
    source: Annotated[CallSource, Meta(description="Where its identity came from.")]
    record_id: Annotated[str | None, Meta(description="The record that it was a call of.")]
    outcome: Annotated[str | None, Meta(description="How it ended.")]


def read_outcome(body: bytes) -> CallOutcome:
    """The outcome of a body. Raises StirFault."""
    told = decode(CallOutcomeBody, body)
    call_id, outcome = given(told.call_id, "call_id"), given(told.outcome, "outcome")
    caller, receiver = read_number(given(told.orig, "orig"), "orig"), read_number(given(told.dest, "dest"), "dest")
    if not (1 <= len(call_id) <= LONGEST_CALL_ID and call_id.isprintable()):
        raise invalid(f"call_id must have 1 to {LONGEST_CALL_ID} printable characters")
    if outcome not in _OUTCOMES:
        raise invalid("outcome must be answered, missed or rejected")
    if not 0 <= told.seconds <= LONGEST_CALL.total_seconds():
        raise invalid("seconds must be between 0 and those of a day")
    if not 0 <= told.seconds_ago <= LATEST_REPORT.total_seconds():
        raise invalid("seconds_ago must be between 0 and those of a day")
    return CallOutcome(call_id, caller, receiver, _OUTCOMES[outcome], told.seconds, told.shown, told.seconds_ago)


def call_answer(call: Call) -> CallAnswer:
    """The answer to a report."""
    record_id = str(call.record_id) if call.record_id else None
    return CallAnswer(str(call.id), call.source, record_id, call.outcome.value if call.outcome else None)


# what they share ------------------------------------------------------------------------------------------------------


def decode(kind: type[_Body], body: bytes) -> _Body:
    """The body. Raises StirFault for none, for what is not JSON, and for a value of the wrong type."""
    if not body.strip():
        raise StirFault(400, "SVC4000")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        raise invalid(str(exc)) from exc
    except NOT_JSON as exc:
        raise StirFault(400, "SVC4006", str(exc)) from exc


def given(value: _Value | UnsetType, name: str) -> _Value:
    """A value that has to be there. Raises StirFault."""
    if isinstance(value, UnsetType):
        raise StirFault(400, "SVC4001", name)
    return value


def invalid(what: str) -> StirFault:
    """The error of a value."""
    return StirFault(400, "SVC4005", what)


def read_number(text: str, name: str) -> PhoneNumber:
    """A number in any spelling that SIP has. Raises StirFault, without repeating what was sent."""
    try:
        number = parse_digits(canonical_number(text))
    except ValueError:
        number = None
    if number is None:
        raise invalid(f"{name} must be a telephone number of 7 to 15 digits with its country code")
    return number


def read_numbers(party: Numbers | UnsetType, name: str) -> list[PhoneNumber]:
    """The numbers of a party, one at least."""
    found = given(given(party, name).tn, f"{name}.tn")
    each = [found] if isinstance(found, str) else found
    if not 1 <= len(each) <= MOST_RECEIVERS:
        raise invalid(f"{name} must have 1 to {MOST_RECEIVERS} numbers")
    return list(dict.fromkeys(read_number(one, name) for one in each))
