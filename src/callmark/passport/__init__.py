"""Signed caller identity: PASSporT (RFC 8225) with `shaken` (8588), `rcd` (9795) and certificates (8226, 9118).

Needs `cryptography` and nothing else of Callmark. It does no I/O: certificates, icons and the time are arguments.

    signer = Signer(key, "https://brand.example/certificate.pem")
    header = signer.rich_call_data("+12025551000", ["+12025551001"], RichCallData("Acme Bank"), now=now)

    passport = read_identity(header)                      # passport.x5u says where the certificate is
    verified = verify(passport, CallParties.of(caller, callee), pem, roots, now=now)   # raises PassportError
    verified.claims.rcd.name

See `docs/passport.md`.
"""

from callmark.passport.authority import ClaimConstraints, NumberRange, TnAuthList
from callmark.passport.call_info import CallInfo, call_info, read_call_info
from callmark.passport.certificates import (
    SignerCertificate,
    check_chain,
    issue,
    make_issuer,
    make_key,
    make_root,
    read_chain,
)
from callmark.passport.claims import Attestation, Claims, Kind, Party, RichCallData
from callmark.passport.digests import addresses, check_digests, digest, make_digests
from callmark.passport.errors import InvalidPassport, PassportError, Reason
from callmark.passport.identity import read_identity
from callmark.passport.numbers import canonical_number
from callmark.passport.tokens import Passport, read_token, sign_token
from callmark.passport.verifying import (
    FRESH_S,
    CallParties,
    Signer,
    Verified,
    check_call,
    pick,
    verify,
    verify_signed,
)

__all__ = [
    "FRESH_S",
    "Attestation",
    "CallInfo",
    "CallParties",
    "ClaimConstraints",
    "Claims",
    "InvalidPassport",
    "Kind",
    "NumberRange",
    "Party",
    "Passport",
    "PassportError",
    "Reason",
    "RichCallData",
    "Signer",
    "SignerCertificate",
    "TnAuthList",
    "Verified",
    "addresses",
    "call_info",
    "canonical_number",
    "check_call",
    "check_chain",
    "check_digests",
    "digest",
    "issue",
    "make_digests",
    "make_issuer",
    "make_key",
    "make_root",
    "pick",
    "read_call_info",
    "read_chain",
    "read_identity",
    "read_token",
    "sign_token",
    "verify",
    "verify_signed",
]
