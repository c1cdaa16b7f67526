"""Signs a call: finds out whose it is and what it shows, signs that, and remembers it before anyone can verify it."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from msgspec import structs

from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import BrandIcon
from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.edges.model import Edge
from callmark.domain.ids import AccountId, SignedCallId
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import NetworkCall
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.metrics import count_signing
from callmark.domain.signed_calls.model import (
    SIGNED_WITHIN,
    NotAuthorised,
    SignedCall,
    SignedHeaders,
    SigningRequest,
    weaker,
)
from callmark.domain.signer_certificates import service as signer_certificates
from callmark.domain.signer_certificates.model import ChosenSigner
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.domain.spoof_alarms.service import raise_possible_spoof
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import new_id
from callmark.passport import Attestation, Claims, Kind, Party, RichCallData, make_digests


class _Shown(NamedTuple):
    """What a call shows."""

    name: str
    reason: str | None
    icon: BrandIcon | None

    def forms_of(self, claims: Claims) -> list[Claims]:
        """The claims with this in them, the best first: a certificate may forbid the reason, or the icon.

        With the icon goes its digest.
        """
        rcd = RichCallData(self.name, self.icon.url if self.icon else None)
        contents = {self.icon.url: self.icon.png} if self.icon else {}
        whole = replace(claims, rcd=rcd, digests=make_digests(rcd.as_json(), contents), reason=self.reason)
        plain = replace(whole, rcd=RichCallData(self.name), digests={})
        return [whole, replace(whole, reason=None), plain, replace(plain, reason=None)]


async def sign_call(deps: Deps, edge: Edge, request: SigningRequest) -> SignedHeaders:
    """The `Identity` headers of a call, committed on return: a verifier that sees them finds the call here.

    A proven number is attested in full, another in part; neither more than the edge asks for. A name is signed
    only where the edge knows the business. Raises InvalidInput for a stale `iat`, NotAuthorised for a number that the
    edge may not sign for.
    """
    if abs(deps.real_clock.now() - request.issued_at) > SIGNED_WITHIN:
        raise InvalidInput(f"iat must be within {SIGNED_WITHIN.seconds} s of now", field="iat")
    found = await _find(deps, edge, request)
    attest = weaker(request.attest, Attestation.FULL if found.proven else Attestation.PARTIAL)
    try:
        owner = _owner(edge, found)
        shown = await _shown(deps, found) if _knows_business(edge, request.attest) else None
        headers = await _signed(deps, owner, request, attest, shown, is_proven=found.proven is not None)
    except NotAuthorised:
        count_signing(None)
        await _alarm(deps, edge, request, found)
        raise
    await deps.gather(queries.insert_signed, _kept(deps, edge, request, owner, attest, found))
    count_signing(found.source)
    if found.record is None and found.listed and found.listed.is_hidden:
        await _tell(deps, request, found.listed.account_id, SpoofCause.NOT_ANNOUNCED)
    return headers


async def _tell(deps: Deps, request: SigningRequest, account_id: AccountId, cause: SpoofCause) -> None:
    """Tells the account of the call to each receiver."""
    for receiver in request.receivers:
        await raise_possible_spoof(deps, account_id, request.caller, receiver, cause)


async def _alarm(deps: Deps, edge: Edge, request: SigningRequest, found: NetworkCall) -> None:
    """Tells the account whose number an edge of another account wants to use."""
    if found.listed and edge.account_id not in {None, found.listed.account_id}:
        await _tell(deps, request, found.listed.account_id, SpoofCause.FOREIGN_SIGNING_REQUEST)


def _kept(
    deps: Deps, edge: Edge, request: SigningRequest, owner: AccountId, attest: Attestation, found: NetworkCall
) -> list[SignedCall]:
    """The call as it is remembered, once for each receiver."""
    return [
        SignedCall(
            SignedCallId(new_id()),
            edge.id,
            owner,
            request.caller,
            receiver,
            request.origid,
            request.issued_at,
            attest,
            found.source,
            found.record.key.id if found.record else None,
            deps.clock.now(),
        )
        for receiver in request.receivers
    ]


async def _find(deps: Deps, edge: Edge, request: SigningRequest) -> NetworkCall:
    """A record is of one receiver, so a call to several shows what the number itself is listed with.

    An announcement is of one receiver, too: where they are needed, a call to several shows nothing.
    """
    found = await resolution.resolve_for_network(deps, request.caller, request.receivers[0], edge.account_id)
    if len(request.receivers) == 1:
        return found
    number = structs.replace(found.listed, is_hidden=found.listed.announced_only) if found.listed else found.number
    return NetworkCall(None, number)


def _owner(edge: Edge, found: NetworkCall) -> AccountId:
    """The account in whose name this edge may sign the call. Raises NotAuthorised."""
    holder = found.proven or found.record or found.listed
    if holder is None or edge.account_id not in {None, holder.account_id}:
        raise NotAuthorised
    return holder.account_id


def _knows_business(edge: Edge, asked: Attestation) -> bool:
    """Whether the edge answers for more than the way by which the call came (RFC 8588, section 4).

    In part, it knows whose customer calls and not that the number is theirs: of a trunk, that is its account; of the
    operator's edges, it may be any.
    """
    return asked is Attestation.FULL or (asked is Attestation.PARTIAL and edge.account_id is not None)


async def _shown(deps: Deps, found: NetworkCall) -> _Shown | None:
    if found.record:
        name, logo, reason = found.record.label_name, found.record.logo_sha256, found.record.call_reason
    elif found.listed and found.source is CallSource.LISTED_NUMBER:
        name, logo, reason = found.listed.label_name, found.listed.logo_sha256, found.listed.call_reason
    else:
        return None
    return _Shown(name, reason or None, await brand_icons.icon_of(deps, logo))


async def _signed(
    deps: Deps,
    owner: AccountId,
    request: SigningRequest,
    attest: Attestation,
    shown: _Shown | None,
    *,
    is_proven: bool,
) -> SignedHeaders:
    """On the loop: both signatures take 0.15 ms together, less than handing them to a thread.

    A token of the kind `rcd` counts for a number in the certificate only. Without such a certificate the name stands
    inside the token of the kind `shaken`, for which the provider's code in a certificate speaks (RFC 9795, section 13).
    So it does beside one of the kind `rcd` where every certificate demands it. Raises NotAuthorised where nobody can
    sign.
    """
    call = Claims(
        orig=Party.of(request.caller),
        dest=Party.of(*request.receivers),
        issued_at=int(request.issued_at.timestamp()),
    )
    attested = replace(call, attest=attest, origid=str(request.origid))
    choose = partial(signer_certificates.signer_of, deps, owner, request.caller)
    if shown is None:
        return SignedHeaders(_sign_shaken(await choose(Kind.SHAKEN, [attested])), [])
    if is_proven and (branded := await choose(Kind.RCD, shown.forms_of(call), shown.icon)):
        shaken = await choose(Kind.SHAKEN, [attested])
        shaken = shaken or await choose(Kind.SHAKEN, shown.forms_of(attested), shown.icon)
        return SignedHeaders(_sign_shaken(shaken), [branded.sign(Kind.RCD)])
    forms = [*shown.forms_of(attested), attested]
    return SignedHeaders(_sign_shaken(await choose(Kind.SHAKEN, forms, shown.icon)), [])


def _sign_shaken(chosen: ChosenSigner | None) -> str:
    if chosen is None:
        raise NotAuthorised("the account has no certificate to sign with")
    return chosen.sign(Kind.SHAKEN)
