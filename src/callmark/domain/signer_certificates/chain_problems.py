"""Why a certificate with those that issued it does not count for who trusts the roots that are trusted here."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography import x509

from callmark.domain.signer_certificates.roots import common_name, name_of
from callmark.passport.certificates import check_chain, check_root
from callmark.passport.errors import PassportError
from callmark.passport.issuers import SIGNED_WITH, is_issued_by, issuing_key

_Chain = Sequence[x509.Certificate]

_TRUST = "Trust the root of their network: `callmark stir root add`"
_MISSING = f"{_TRUST}. If issuers are missing, import the certificate again with them in its file"
_SUCCESSOR = "Trust its successor: `callmark stir root add`"
_RENEWED = "Ask its authority for the successor, and import the certificate again with that in its file"
_OTHER = "Ask the authority for one that counts"
_WAIT = "Wait until then"


class ChainProblem(NamedTuple):
    """What is wrong, and what helps."""

    why: str
    advice: str


def chain_problem(chain: _Chain, trusted: _Chain, now: datetime, given: _Chain = ()) -> ChainProblem | None:
    """None when it counts. `given` are those of a file, also the roots in it, of which verifiers get none."""
    try:
        check_chain(chain, trusted, now=now)
    except PassportError as exc:
        path = _upwards(chain, trusted, now)
        for issuer in path[1:]:
            if problem := _not_counted(issuer, now, is_root=issuer in trusted):
                return problem
        return ChainProblem(exc.detail, _OTHER) if path[-1] in trusted else _ends_early(path, given)
    return None


def _upwards(chain: _Chain, trusted: _Chain, now: datetime) -> list[x509.Certificate]:
    """From the signer's to a trusted root, or as far as it leads; of one that was renewed, rather what is valid now."""
    path = [chain[0]]
    while path[-1] not in trusted:
        issuers = [one for one in (*trusted, *chain) if one not in path and is_issued_by(path[-1], one)]
        if not issuers:
            break
        path.append(next((one for one in issuers if _is_valid(one, now)), issuers[0]))
    return path


def _is_valid(one: x509.Certificate, now: datetime) -> bool:
    return one.not_valid_before_utc <= now <= one.not_valid_after_utc


def _not_counted(issuer: x509.Certificate, now: datetime, *, is_root: bool) -> ChainProblem | None:
    name = f"the trusted root {name_of(issuer)!r}" if is_root else f"its issuer {name_of(issuer)!r}"
    if now > issuer.not_valid_after_utc:
        return ChainProblem(
            f"{name} ended on {issuer.not_valid_after_utc:%Y-%m-%d}", _SUCCESSOR if is_root else _RENEWED
        )
    if now < issuer.not_valid_before_utc:
        return ChainProblem(f"{name} is valid from {issuer.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on", _WAIT)
    if issuing_key(issuer) is None:
        why = "is not on the curve P-256, P-384 or P-521, so nothing below it counts"
        return ChainProblem(f"the key of {name} {why}", _OTHER)
    return None


def _ends_early(path: _Chain, given: _Chain) -> ChainProblem:
    uncounted = next((one for one in path if one.signature_algorithm_oid not in SIGNED_WITH), None)
    if uncounted is not None:
        why = "is not signed with ECDSA and SHA-256, SHA-384 or SHA-512, so it does not count"
        return ChainProblem(f"{name_of(uncounted)!r} {why}", _OTHER)
    issuer = common_name(path[-1].issuer)
    root = next((one for one in given if one not in path and is_issued_by(path[-1], one)), None)
    if root is None:
        who = "it" if len(path) == 1 else repr(name_of(path[-1]))
        why = f"{who} was issued by {issuer!r}, which is neither in its file nor trusted"
        return ChainProblem(f"it does not lead to a trusted root: {why}", _MISSING)
    try:
        check_root(root)
    except PassportError as exc:
        return ChainProblem(f"its root {issuer!r} cannot be trusted here: {exc.detail}", _OTHER)
    return ChainProblem(f"it does not lead to a trusted root: its root {issuer!r} is not trusted", _TRUST)
