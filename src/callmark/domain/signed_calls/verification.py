"""Verifies a call: each token for itself, each counts once, and only what is vouched for may show."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.domain.edges.model import Edge
from callmark.domain.ids import VerifiedCallId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller, Unlisted
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.foreign_files import WITHIN_S, ForeignFiles
from callmark.domain.signed_calls.metrics import count_verification
from callmark.domain.signed_calls.model import (
    MOST_RECEIVERS,
    SIGNED_WITHIN,
    CallVerdict,
    CountedToken,
    HeaderVerdict,
    SignedCall,
    SignedToken,
    VerificationRequest,
    VerifiedCall,
    Verstat,
    token_digest,
)
from callmark.domain.signed_calls.shown import may_show, showable_parts
from callmark.domain.signer_certificates.roots import trusted_roots
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.domain.spoof_alarms.service import raise_possible_spoof
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.passport import (
    CallParties,
    PassportError,
    Reason,
    Verified,
    check_call,
    pick,
    read_identity,
    verify_signed,
)
from callmark.passport.digests import ICON, matches

_OLDEST_TOKEN = timedelta(days=1)
"""How far back the signing of a token is looked for that does not name it: its date may be anything."""
_MOST_CERTIFICATES = 3
"""Of a call: of its provider, of the business and of a third party. More could occupy fetches that others need."""
_REPLAYED = PassportError(Reason.STALE_DATE, "the token has counted for a call before")
_NO_IDENTITY = PassportError(Reason.NO_IDENTITY, "the call has no Identity header")


class _Question(NamedTuple):
    """What the database is asked about a call."""

    caller: PhoneNumber
    tokens: Sequence[CountedToken]
    signed: SignedToken | None


class _Known(NamedTuple):
    """What it knows: who counted the tokens first, the signing here, and what the number is listed as."""

    firsts: dict[bytes, CountedToken]
    signed: SignedCall | None
    number: ListedCaller | Unlisted | None


async def verify_call(deps: Deps, files: ForeignFiles, edge: Edge, request: VerificationRequest) -> CallVerdict:
    """The verdict, committed on return. The same request of the same edge again gets the same verdict."""
    deadline = asyncio.get_running_loop().time() + WITHIN_S
    call_id = VerifiedCallId(new_id())
    verdicts = await _verify_all(deps, files, request, deadline)
    mine = _tokens(deps, edge, request, call_id, verdicts)
    question = _Question(request.caller, list(mine.values()), _signed_token(request, verdicts))
    (known,) = await deps.gather(_look_up_each, [question])
    verdicts = [_counted(one, request.receiver, mine, known.firsts) for one in verdicts]
    verification = await _conclude(files, verdicts, deadline)
    call_id = _earlier_call(mine, known.firsts) or call_id
    # Also of a request that was sent again: its tokens were counted, but the one before may have ended there.
    await deps.gather(queries.insert_verified, [_kept(deps, edge, request, call_id, known, verification)])
    await _alarm(deps, request, verdicts, question, known)
    count_verification(verification)
    return verification


async def _alarm(
    deps: Deps,
    request: VerificationRequest,
    verdicts: Sequence[HeaderVerdict],
    question: _Question,
    known: _Known,
) -> None:
    """Tells the account whose number stands in a token that was not signed here, whatever the token is worth."""
    if known.signed or not isinstance(known.number, ListedCaller):
        return
    if await _is_foreign(deps, request, verdicts, question.signed):
        account_id, cause = known.number.account_id, SpoofCause.FOREIGN_SIGNATURE
        await raise_possible_spoof(deps, account_id, request.caller, request.receiver, cause)


async def _is_foreign(
    deps: Deps, request: VerificationRequest, verdicts: Sequence[HeaderVerdict], signed: SignedToken | None
) -> bool:
    """Whether there is a token, and it was not signed here: not for this receiver, nor for the one that it names.

    They differ when the receiver has calls forwarded. Where no token says which signing it came from, one was signed
    here when a call of the pair was, then.
    """
    claims = [one.passport.claims for one in verdicts if one.passport]
    if not claims:
        return False
    named = (PhoneNumber(number) for one in claims for number in one.dest.numbers[:MOST_RECEIVERS])
    receivers = {request.receiver, *named}
    async with deps.db.connection() as tx:
        if signed:
            each = [signed._replace(receiver=receiver) for receiver in receivers]
            return not any(await queries.select_signed_each(tx, each))
        now, issued_at = deps.clock.now(), datetime.fromtimestamp(min(one.issued_at for one in claims), UTC)
        age = max(deps.real_clock.now() - issued_at, timedelta())
        since = now - min(age, _OLDEST_TOKEN) - SIGNED_WITHIN
        return await queries.newest_signed(tx, receivers, request.caller, since, now) is None


async def _verify_all(
    deps: Deps, files: ForeignFiles, request: VerificationRequest, deadline: float
) -> list[HeaderVerdict]:
    call = CallParties(request.caller, request.receiver)
    x5us: set[str] = set()
    return await asyncio.gather(*(_verify(deps, files, header, call, deadline, x5us) for header in request.headers))


async def _verify(
    deps: Deps, files: ForeignFiles, header: str, call: CallParties, deadline: float, x5us: set[str]
) -> HeaderVerdict:
    """The verdict on one header; `x5us` gathers the addresses of certificates that the call's headers name."""
    passport = None
    try:
        passport = read_identity(header)
        now = deps.real_clock.now()
        check_call(passport, call, now=now, plain_http=deps.settings.allows_plain_http)
        _count_certificate(x5us, passport.x5u)
        roots = await trusted_roots(deps)
        use = partial(verify_signed, passport, call)
        return HeaderVerdict(passport, await files.with_certificate(passport.x5u, roots, now, deadline, use), None)
    except PassportError as exc:
        return HeaderVerdict(passport, None, exc)


def _count_certificate(x5us: set[str], x5u: str) -> None:
    if x5u not in x5us and len(x5us) == _MOST_CERTIFICATES:
        raise PassportError(Reason.BAD_IDENTITY_INFO, f"the call names more than {_MOST_CERTIFICATES} certificates")
    x5us.add(x5u)


def _tokens(
    deps: Deps,
    edge: Edge,
    request: VerificationRequest,
    call_id: VerifiedCallId,
    verdicts: Sequence[HeaderVerdict],
) -> dict[bytes, CountedToken]:
    """The tokens that are about to count, by digest."""
    now = deps.real_clock.now()
    digests = [token_digest(one.verified.passport, request.receiver) for one in verdicts if one.verified]
    return {digest: CountedToken(digest, call_id, edge.id, request.request_id, now) for digest in digests}


def _signed_token(request: VerificationRequest, verdicts: Sequence[HeaderVerdict]) -> SignedToken | None:
    """The token that says which signing it came from; it may be one that does not count."""
    found = [one.passport.claims for one in verdicts if one.passport and one.passport.claims.origid]
    if not found or found[0].origid is None:
        return None
    issued_at = datetime.fromtimestamp(found[0].issued_at, UTC)
    return SignedToken(request.receiver, request.caller, UUID(found[0].origid), issued_at)


async def _look_up_each(tx: Tx, asked: Sequence[_Question]) -> list[_Known]:
    tokens = [token for one in asked for token in one.tokens]
    firsts = await queries.count_tokens(tx, tokens) if tokens else {}
    named = [one.signed for one in asked if one.signed]
    signed = dict(zip(named, await queries.select_signed_each(tx, named), strict=True)) if named else {}
    listed = await numbers.callers(tx, [one.caller for one in asked])
    return [
        _Known(firsts, signed.get(one.signed) if one.signed else None, number)
        for one, number in zip(asked, listed, strict=True)
    ]


def _counted(
    verdict: HeaderVerdict,
    receiver: PhoneNumber,
    mine: dict[bytes, CountedToken],
    firsts: dict[bytes, CountedToken],
) -> HeaderVerdict:
    """The verdict when it is known who counted the token first."""
    if verdict.verified is None:
        return verdict
    digest = token_digest(verdict.verified.passport, receiver)
    own, first = mine[digest], firsts.get(digest)
    if first is not None and (first.verified_call_id == own.verified_call_id or own.is_repeat_of(first)):
        return verdict
    return replace(verdict, verified=None, error=_REPLAYED)


def _earlier_call(mine: dict[bytes, CountedToken], firsts: dict[bytes, CountedToken]) -> VerifiedCallId | None:
    """The call for which an earlier try of this request counted the tokens; None when this is the first."""
    tries = ((token, firsts[digest]) for digest, token in mine.items() if digest in firsts)
    return next((first.verified_call_id for token, first in tries if token.is_repeat_of(first)), None)


async def _conclude(files: ForeignFiles, verdicts: Sequence[HeaderVerdict], deadline: float) -> CallVerdict:
    good = [one.verified for one in verdicts if one.verified]
    if not any(one.claims.issuer is None for one in good):  # a third party alone vouches for nobody
        error = next((one.error for one in verdicts if one.error), _NO_IDENTITY)
        verstat = Verstat.FAILED if verdicts else Verstat.NONE
        return CallVerdict(verstat, error, verdicts, {}, None, None)
    shown = pick(good)
    if shown is None:
        return CallVerdict(Verstat.PASSED, None, verdicts, {}, None, None)
    rcd = await _trusted(files, shown, deadline)
    integrity = shown.claims.digests.get(ICON) if "icn" in rcd else None
    reason = shown.claims.reason
    return CallVerdict(Verstat.PASSED, None, verdicts, rcd, reason if reason and may_show(reason) else None, integrity)


async def _trusted(files: ForeignFiles, shown: Verified, deadline: float) -> dict[str, Any]:
    """What of `rcd` is vouched for: a digest that does not match takes away that part alone (RFC 9795, section 8)."""
    rcd = shown.claims.rcd
    if rcd is None:
        return {}
    contents: dict[str, bytes] = {}
    if address := rcd.icon:
        icon = await files.icon(address, deadline, lambda body: matches(body, shown.claims.digests[ICON]))
        contents = {} if icon is None else {address: icon}
    verdicts = shown.trusts(contents)
    doubted = {pointer.split("/")[1] for pointer, trusted in verdicts.items() if trusted is not True}
    return showable_parts({key: value for key, value in rcd.as_json().items() if key not in doubted})


def _kept(
    deps: Deps,
    edge: Edge,
    request: VerificationRequest,
    call_id: VerifiedCallId,
    known: _Known,
    verification: CallVerdict,
) -> VerifiedCall:
    """The call as it is remembered: of the account that signed it here, or whose number it shows."""
    holder = known.signed or known.number
    error = verification.error
    return VerifiedCall(
        call_id,
        edge.id,
        holder.account_id if holder else None,
        request.caller,
        request.receiver,
        verification.verstat,
        error.reason.code if error else None,
        error.detail if error else None,
        verification.name,
        known.signed.record_id if known.signed else None,
        deps.clock.now(),
    )
