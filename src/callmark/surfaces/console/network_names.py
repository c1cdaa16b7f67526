"""How pages call what happens to calls on the telephone network."""

from callmark.domain.calls.model import CallEvent, CallSource
from callmark.domain.signed_calls.model import SignedCall, VerifiedCall, Verstat
from callmark.domain.signed_calls.search import CallOnNetwork
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.kit.text import NO_BREAK
from callmark.passport import Attestation, Reason

VERDICTS = {Verstat.PASSED: "Passed", Verstat.FAILED: "Failed", Verstat.NONE: "Not signed"}
VERDICT_COLOURS = {Verstat.PASSED: "green", Verstat.FAILED: "red", Verstat.NONE: "orange"}
ATTESTATIONS = {
    Attestation.FULL: "the caller's number is proven",
    Attestation.PARTIAL: "the account makes the call, its number is not proven",
    Attestation.GATEWAY: "the call only came through here",
}
SOURCES = {
    CallSource.CALL_RECORD: "name of the call record",
    CallSource.LISTED_NUMBER: "name of the listed number",
    CallSource.NONE: "no name",
}
ENDS = {CallEvent.ANSWERED: "Answered", CallEvent.MISSED: "Missed", CallEvent.REJECTED: "Rejected"}
END_COLOURS = {CallEvent.ANSWERED: "green", CallEvent.MISSED: "orange", CallEvent.REJECTED: "orange"}
CAUSES = {
    SpoofCause.FOREIGN_SIGNING_REQUEST: "A call server of another account asked to sign this call.",
    SpoofCause.FOREIGN_SIGNATURE: "The call arrived with a signature for this number that was not made here.",
    SpoofCause.NOT_ANNOUNCED: "The account announces its calls, and did not announce this one.",
}
_REASONS = {
    Reason.NO_IDENTITY.code: "The call arrived without a signature",
    Reason.BAD_IDENTITY_INFO.code: "The certificate could not be fetched",
    Reason.UNSUPPORTED_CREDENTIAL.code: "The certificate does not count for this call",
    Reason.INVALID_IDENTITY.code: "The signature is not valid for this call",
    Reason.STALE_DATE.code: "The signature is too old, or was used before",
}


def attested(call: SignedCall) -> str:
    """What a signature says of the caller's number."""
    return f"Attestation{NO_BREAK}{call.attest.value}"


def shown(call: CallOnNetwork) -> str:
    """What the phone showed, as far as it was reported."""
    if call.is_shown is None:
        return "not reported"
    name = call.verified.name if call.verified else None
    return f"{name or 'The name'} was shown" if call.is_shown else "No name was shown"


def reason(call: VerifiedCall) -> str:
    """Why a call did not pass, as a sentence; empty for one that did."""
    if call.reason_code is None:
        return ""
    return f"{_REASONS.get(call.reason_code, 'The signature was not accepted')} ({call.reason_code})."
