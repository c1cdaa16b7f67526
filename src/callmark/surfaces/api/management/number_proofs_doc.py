"""The routes of proofs and of spoof protection, with their texts for the reference."""

from callmark.domain.numbers.proofs.model import CODES_OF_ACCOUNT, CODES_OF_NUMBER, MOST_WAITING
from callmark.domain.policy.model import Action
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, EMAIL
from callmark.surfaces.api.management import number_proofs as proofs
from callmark.surfaces.api.management.numbers import EXAMPLE, PHONE, NumberView
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.route import ErrorDoc

_REQUEST = {
    "id": "d4e5f607-1829-4a3b-8c4d-5e6f70819203",
    "state": "waiting",
    "number_count": 1,
    "waiting_count": 1,
    "letter_name": "letter.pdf",
    "why": None,
    "requested_by_email": EMAIL,
    "requested_at": AT,
    "decided_at": None,
}
_CODE = {
    "channel": "sms",
    "requested_at": AT,
    "expires_at": "2026-01-01T10:10:05.412Z",
    "tries_left": 5,
    "sent_at": None,
    "error": None,
}
_PROOF = {"state": "proven", "way": "sms", "by_email": EMAIL, "at": AT, "why": None, "request_id": None}
_UNPROVABLE = bad(
    "not in this account: 918040001234", "a number is another account's, unlisted, or proven already", "phone_numbers"
)
_PROVEN = conflict("this number is proven already", "the number is proven")
_TOO_MANY = ErrorDoc(
    429,
    "too-many-requests",
    "rate limit exceeded. please try again later.",
    f"a number gets {CODES_OF_NUMBER} codes a day, an account {CODES_OF_ACCOUNT}",
)

ROUTES = (
    ManagedRoute(
        "GET",
        "number_proofs",
        proofs.list_requests,
        Action.NUMBERS_VIEW,
        name="listNumberProofs",
        summary="List proof requests",
        description="Returns the account's requests to the operator, newest first.",
        response=proofs.ProofRequestList,
        answer={"number_proofs": [_REQUEST], "next_after": None},
        params=PAGING,
    ),
    ManagedRoute(
        "POST",
        "number_proofs",
        proofs.create_request,
        Action.NUMBERS_MANAGE,
        name="createNumberProof",
        summary="Ask for a proof of numbers",
        description="Asks the operator to find that the account may call from these numbers, as a rule with a letter of"
        " authorisation. The numbers wait until the operator decides. The body can be up to 8 MiB.",
        request=proofs.NewProofRequestBody,
        sent={"phone_numbers": ["918040001234"], "letter": "JVBERi0xLjcK", "letter_name": "letter.pdf"},
        response=proofs.ProofRequestView,
        answer=_REQUEST,
        errors=(
            _UNPROVABLE,
            bad("the letter must be a PDF, PNG or JPEG file", "another file, not base64, or too large", "letter"),
            conflict(
                f"{MOST_WAITING} proof requests of this account are waiting for the operator already",
                "too many requests wait",
            ),
        ),
        creates=True,
        largest_bytes=proofs.LARGEST_BYTES,
    ),
    ManagedRoute(
        "GET",
        "number_proofs/{proofRequestId}",
        proofs.get_request,
        Action.NUMBERS_VIEW,
        name="getNumberProof",
        summary="Get a proof request",
        description="Returns one request. A request that no number waits in any longer is deleted, unless it was"
        " decided: each was delisted, or was proven or refused in another way.",
        response=proofs.ProofRequestView,
        answer=_REQUEST,
    ),
    ManagedRoute(
        "DELETE",
        "number_proofs/{proofRequestId}",
        proofs.withdraw_request,
        Action.NUMBERS_MANAGE,
        name="withdrawNumberProof",
        summary="Withdraw a proof request",
        description="Takes back a request that waits, and returns what it was. Its numbers are unproven again.",
        response=proofs.ProofRequestView,
        answer=_REQUEST,
        errors=(conflict("this proof request is decided already", "the operator has decided"),),
    ),
    ManagedRoute(
        "POST",
        "numbers/{phoneNumber}/code",
        proofs.send_code,
        Action.NUMBERS_MANAGE,
        name="sendNumberCode",
        summary="Send a code to a number",
        description="Has a code called or sent to the number, if the operator has set that up. A code before it no"
        " longer counts.",
        request=proofs.WantedCodeBody,
        sent={"channel": "sms"},
        response=proofs.CodeView,
        answer=_CODE,
        params=(PHONE,),
        errors=(
            _UNPROVABLE,
            _PROVEN,
            conflict("this installation sends no codes; send a letter of authorisation instead", "no hook is set up"),
            _TOO_MANY,
        ),
    ),
    ManagedRoute(
        "GET",
        "numbers/{phoneNumber}/code",
        proofs.get_code,
        Action.NUMBERS_VIEW,
        name="getNumberCode",
        summary="See whether a code was sent",
        description="Returns the newest code while it counts, without its digits. 404 when there is none.",
        response=proofs.CodeView,
        answer=_CODE | {"sent_at": AT},
        params=(PHONE,),
    ),
    ManagedRoute(
        "POST",
        "numbers/{phoneNumber}/prove",
        proofs.prove_number,
        Action.NUMBERS_MANAGE,
        name="proveNumber",
        summary="Prove a number by its code",
        description="Proves the number, if this is the newest code that was sent to it. A wrong code counts as a try.",
        request=proofs.TypedCodeBody,
        sent={"code": "493027"},
        response=NumberView,
        answer=EXAMPLE | {"proof": _PROOF},
        params=(PHONE,),
        errors=(
            bad("this is not the code; 4 tries left", "another code, or not six digits", "code"),
            _UNPROVABLE,
            _PROVEN,
            conflict("there is no code that counts; ask for a new one", "none was sent, or it ended"),
        ),
    ),
    ManagedRoute(
        "GET",
        "spoof_protection",
        proofs.get_protection,
        Action.SPOOF_PROTECTION,
        name="getSpoofProtection",
        summary="Get the spoof protection",
        description="Says in which calls the account's static identities show.",
        response=proofs.SpoofProtectionView,
        answer={"announced_calls_only": False},
    ),
    ManagedRoute(
        "PATCH",
        "spoof_protection",
        proofs.change_protection,
        Action.SPOOF_PROTECTION,
        name="changeSpoofProtection",
        summary="Change the spoof protection",
        description="Shows the account's static identities only in announced calls, or in every call, from the next"
        " call on.",
        request=proofs.SpoofProtectionBody,
        sent={"announced_calls_only": True},
        response=proofs.SpoofProtectionView,
        answer={"announced_calls_only": True},
    ),
)
