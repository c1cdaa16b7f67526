"""Proofs that the account may call from its numbers, and in which calls they show (docs/number-ownership.md)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.accounts import service as accounts
from callmark.domain.ids import ProofRequestId
from callmark.domain.numbers import search as number_search
from callmark.domain.numbers.model import MOST_NUMBERS
from callmark.domain.numbers.proofs import codes as proof_codes, service as proofs
from callmark.domain.numbers.proofs.model import (
    LARGEST_LETTER_BYTES,
    CodeChannel,
    NumberCode,
    ProofRequest,
    ProofRequestState,
    read_letter,
)
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput, found
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.management.base64_fields import read_base64
from callmark.surfaces.api.management.numbers import number_in_path, number_view
from callmark.surfaces.api.own.request import ApiPager, body_of, id_of
from callmark.surfaces.api.own.shapes import Id, Instant, NextAfter, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

LARGEST_BYTES = 8 << 20
"""A letter under its own limit, in base64, and the fields beside it."""
_PAGER: ApiPager[ProofRequest, InstantKey] = ApiPager(InstantKey, lambda one: (one.requested_at, one.id))


class ProofRequestView(msgspec.Struct, kw_only=True):
    """Numbers that wait for the operator to find them proven, or what was decided about them."""

    id: Annotated[Id, Meta(description="The request.")]
    state: Annotated[ProofRequestState, Meta(description="Whether the operator has decided, and how.")]
    number_count: Annotated[int, Meta(description="How many numbers it has.")]
    waiting_count: Annotated[int, Meta(description="How many of them still wait.")]
    letter_name: Annotated[str | None, Meta(description="The letter's file name; null without one.")]
    why: Annotated[str | None, Meta(description="Why the operator refused; else null.")]
    requested_by_email: Annotated[str, Meta(description="Email of who asked.")]
    requested_at: Annotated[Instant, Meta(description="When it was asked for, UTC.")]
    decided_at: Annotated[Instant | None, Meta(description="When it was decided, UTC; null until then.")]


class ProofRequestList(msgspec.Struct):
    """A page of proof requests."""

    number_proofs: Annotated[list[ProofRequestView], Meta(description="The requests, newest first.")]
    next_after: NextAfter


class NewProofRequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the operator is asked for."""

    phone_numbers: Annotated[
        list[str], Meta(description=f"1 to {MOST_NUMBERS:,} numbers of the account; `+` is optional.")
    ]
    letter: Annotated[
        str | None,
        Meta(
            description="A letter of authorisation: PDF, PNG or JPEG of at most"
            f" {LARGEST_LETTER_BYTES >> 20} MB, in base64."
        ),
    ] = None
    letter_name: Annotated[str, Meta(description="The letter's file name.")] = "letter"


class CodeView(msgspec.Struct):
    """A code on its way to a number."""

    channel: Annotated[CodeChannel, Meta(description="How it is sent.")]
    requested_at: Annotated[Instant, Meta(description="When it was asked for, UTC.")]
    expires_at: Annotated[Instant, Meta(description="It counts until then, UTC.")]
    tries_left: Annotated[int, Meta(description="How many wrong tries it takes still.")]
    sent_at: Annotated[Instant | None, Meta(description="When it was sent; null until then.")]
    error: Annotated[str | None, Meta(description="Why it could not be sent; else null.")]


class WantedCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """How a code is to be sent."""

    channel: Annotated[CodeChannel, Meta(description="`sms`: a message. `call`: a voice call.")]


class TypedCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A code that someone read or heard."""

    code: Annotated[str, Meta(description="Six digits.")]


class SpoofProtectionView(msgspec.Struct):
    """In which calls the account's static identities show."""

    announced_calls_only: Annotated[
        bool, Meta(description="Whether they show only in calls that were announced, by a record or by `POST calls`.")
    ]


class SpoofProtectionBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to hold from the next call on."""

    announced_calls_only: Annotated[bool, Meta(description="`true`: in announced calls only. `false`: in every call.")]


async def list_requests(request: ApiRequest) -> Response:
    """`GET number_proofs?after=&limit=`."""
    after = _PAGER.after(request)
    found_ = await proofs.list_requests(
        request.deps,
        request.account_id,
        WHOLE_ACCOUNT,
        before=None if after is None else (after[0], ProofRequestId(after[1])),
        limit=_PAGER.limit(request) + 1,
    )
    rows, next_after = _PAGER.part(request, found_)
    return render(ProofRequestList([_view(one) for one in rows], next_after))


async def create_request(request: ApiRequest) -> Response:
    """`POST number_proofs`."""
    body, by = body_of(request, NewProofRequestBody), await actor_of(request)
    numbers = [_number(text) for text in body.phone_numbers]
    letter = None if body.letter is None else read_letter(body.letter_name, read_base64(body.letter, "letter"))
    async with request.deps.db.transaction() as tx:
        made = await proofs.request_proof_in(tx, request.deps, request.account_id, numbers, letter, by=by)
        return await kept(tx, request, render(_view(made), 201))


async def get_request(request: ApiRequest) -> Response:
    """`GET number_proofs/{proofRequestId}`."""
    return render(_view(await proofs.get_request(request.deps, request.account_id, WHOLE_ACCOUNT, _id(request))))


async def withdraw_request(request: ApiRequest) -> Response:
    """`DELETE number_proofs/{proofRequestId}`."""
    by = await actor_of(request)
    return render(_view(await proofs.withdraw_request(request.deps, request.account_id, _id(request), by=by)))


async def send_code(request: ApiRequest) -> Response:
    """`POST numbers/{phoneNumber}/code`."""
    body, number = body_of(request, WantedCodeBody), await _known_number(request)
    by = await actor_of(request)
    return render(_code(await proof_codes.send_code(request.deps, request.account_id, number, body.channel, by=by)))


async def get_code(request: ApiRequest) -> Response:
    """`GET numbers/{phoneNumber}/code`."""
    code = await proof_codes.find_code(request.deps, request.account_id, await _known_number(request))
    return render(_code(found(code)))


async def prove_number(request: ApiRequest) -> Response:
    """`POST numbers/{phoneNumber}/prove`."""
    body, number = body_of(request, TypedCodeBody), await _known_number(request)
    await proof_codes.prove_by_code(request.deps, request.account_id, number, body.code, by=await actor_of(request))
    details, _ = await number_search.get_number(request.deps, request.account_id, WHOLE_ACCOUNT, number)
    return render(number_view(details))


async def get_protection(request: ApiRequest) -> Response:
    """`GET spoof_protection`."""
    account = await accounts.get_account(request.deps, request.account_id)
    return render(SpoofProtectionView(account.announced_calls_only))


async def change_protection(request: ApiRequest) -> Response:
    """`PATCH spoof_protection`."""
    body, by = body_of(request, SpoofProtectionBody), await actor_of(request)
    account = await accounts.update_account(
        request.deps, request.account_id, by=by, announced_calls_only=body.announced_calls_only
    )
    return render(SpoofProtectionView(account.announced_calls_only))


async def _known_number(request: ApiRequest) -> PhoneNumber:
    """The account's number that the path names. Raises NotFound."""
    number = number_in_path(request)
    details, _ = await number_search.get_number(request.deps, request.account_id, WHOLE_ACCOUNT, number)
    return details.number.phone_number


def _id(request: ApiRequest) -> ProofRequestId:
    return id_of(request, "proofRequestId", ProofRequestId)


def _number(text: str) -> PhoneNumber:
    number = parse_loose(text)
    if number is None:
        raise InvalidInput(f"phone_numbers has no valid number {text[:20]!r}", field="phone_numbers")
    return number


def _view(one: ProofRequest) -> ProofRequestView:
    return ProofRequestView(
        id=str(one.id),
        state=one.state,
        number_count=one.number_count,
        waiting_count=one.waiting_count,
        letter_name=one.letter_name,
        why=one.why,
        requested_by_email=one.requested_by_email,
        requested_at=iso_ms(one.requested_at),
        decided_at=instant(one.reviewed_at),
    )


def _code(code: NumberCode) -> CodeView:
    times = iso_ms(code.requested_at), iso_ms(code.expires_at)
    return CodeView(code.channel, *times, code.tries_left, instant(code.sent_at), code.error)
