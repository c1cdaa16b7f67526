"""Signed identities on SIP: the headers `Identity` and `Call-Info`, the token in one."""

import contextlib

from callmark.passport.call_info import CallInfo, read_call_info, shortened
from callmark.passport.claims import read_claims
from callmark.passport.errors import InvalidPassport
from callmark.passport.identity import IdentityHeader, read_identity
from callmark.passport.tokens import read_token


def fuzz_passports(data: bytes) -> None:
    """Only the documented errors; what was read can be written, and reads the same again."""
    text = data.decode("latin-1")
    with contextlib.suppress(InvalidPassport):
        passport = read_identity(text)
        again = read_identity(str(IdentityHeader(passport.token, passport.x5u, passport.kind)))
        assert again == passport
    with contextlib.suppress(InvalidPassport):
        passport = read_token(text)
        assert read_claims(passport.kind, passport.claims.as_json()) == passport.claims
    with contextlib.suppress(ValueError):
        for one in read_call_info(text):
            _check_written(one)


def _check_written(one: CallInfo) -> None:
    try:
        written = str(one)
    except ValueError:  # an address that no header of ours may hold
        return
    assert "\r" not in written
    assert "\n" not in written
    if one.purpose.isalnum():
        (again,) = read_call_info(written)
        assert again.address == one.address
        assert again.verified == one.verified
        assert again.reason == (None if one.reason is None else shortened(one.reason))
