"""The examples that the RFCs print, byte for byte."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from callmark.passport import (
    ClaimConstraints,
    Claims,
    InvalidPassport,
    Kind,
    Party,
    check_digests,
    make_digests,
    read_token,
)
from callmark.passport.encoding import from_base64url, signed_form, to_base64url

# RFC 8225, section 7.1 and appendix A.2
PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----
"""
HEADER = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
CLAIMS = (
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUx"
    "MjEyIn19"
)
# Its claims come from a draft, in which iat was a text.
SIGNED = (
    f"{HEADER}.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1"
    "NTEyMTIifX0"
)
SIGNATURE = "rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
# RFC 9118, section 5
CONSTRAINTS = bytes.fromhex(
    "3040a00e300c160a636f6e666964656e6365a120301e301c160a636f6e666964656e6365300e0c04686967680c066d656469756d"
    "a20c300a16087072696f72697479"
)


def jcard(photo: str) -> bytes:
    """The jCard of RFC 9795: `qbranch.json` of section 8.3, and with another photo the `jcd` of section 6.1.3."""
    return (
        '["vcard",[["version",{},"text","4.0"],["fn",{},"text","Q Branch"],'
        '["org",{},"text","MI6;Q Branch Spy Gadgets"],'
        f'["photo",{{}},"uri","https://example.com/photos/{photo}-256x256.png"],'
        '["logo",{},"uri","https://example.com/logos/mi6-256x256.jpg"],'
        '["logo",{},"uri","https://example.com/logos/mi6-64x64.jpg"]]]'
    ).encode()


def test_the_signature_of_rfc_8225_matches_and_its_text_instead_of_an_instant_does_not_count() -> None:
    key = load_pem_public_key(PUBLIC_KEY)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    passport = replace(
        read_token(f"{HEADER}.{CLAIMS}.{SIGNATURE}"),
        signed=SIGNED.encode(),
        signature=from_base64url(SIGNATURE, "signature"),
    )
    passport.check_signature(key)
    with pytest.raises(InvalidPassport, match="does not match"):
        replace(passport, signed=SIGNED.replace("MTIi", "MTMi").encode()).check_signature(key)
    with pytest.raises(InvalidPassport, match="iat"):
        read_token(f"{SIGNED}.{SIGNATURE}")


def test_the_claims_of_rfc_8225_are_read_and_written_in_the_same_bytes() -> None:
    passport = read_token(f"{HEADER}.{CLAIMS}.{SIGNATURE}")
    assert passport.claims == Claims(
        orig=Party(("12155551212",)), dest=Party(uris=("sip:alice@example.com",)), issued_at=1471375418
    )
    assert (passport.kind, passport.x5u) == (Kind.BASE, "https://cert.example.org/passport.cer")
    header = {"x5u": "https://cert.example.org/passport.cer", "typ": "passport", "alg": "ES256"}
    assert to_base64url(signed_form(header)) == HEADER
    assert to_base64url(signed_form(passport.claims.as_json())) == CLAIMS


def test_the_digests_of_rfc_9795_match() -> None:
    address = "https://example.com/qbranch.json"
    rcd = {"nam": "Q Branch Spy Gadgets", "jcl": address}
    digests = {
        "/nam": "sha256-sM275lTgzCte+LHOKHtU4SxG8shlOo6OS4ot8IJQImY",
        "/jcl": "sha256-qCn4pEH6BJu7zXndLFuAP6DwlTv5fRmJ1AFkqftwnCs",
    }
    assert make_digests(rcd, {address: jcard("q")}, values=True) == digests
    verdicts = check_digests(rcd, digests, {address: jcard("q")})
    assert (verdicts["/nam"], verdicts["/jcl"]) == (True, True)
    inline = {"nam": "Q Branch Spy Gadgets", "jcd": json.loads(jcard("quartermaster"))}
    jcd = {"/jcd": "sha256-7kdCBZqH0nqMSPsmABvsKlHPhZEStgjojhdSJGRr3rk"}
    assert check_digests(inline, jcd, {})["/jcd"] is True


def test_the_claim_constraints_of_rfc_9118_are_read_and_written() -> None:
    constraints = ClaimConstraints.decode(CONSTRAINTS)
    assert constraints.must_include == ("confidence",)
    assert constraints.permitted == {"confidence": ("high", "medium")}
    assert constraints.must_exclude == ("priority",)
    assert constraints.encode() == CONSTRAINTS
