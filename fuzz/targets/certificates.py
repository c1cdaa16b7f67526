"""Certificates of other signers: their files, their chains, and the two extensions that we read ourselves."""

import base64
import contextlib
from datetime import UTC, datetime

from callmark.passport.authority import ClaimConstraints, TnAuthList
from callmark.passport.certificates import check_chain, make_key, make_root, read_authority, read_chain
from callmark.passport.der import DerError
from callmark.passport.errors import PassportError

_NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
_ROOT = make_root("Root", make_key(), now=_NOW)


def fuzz_certificates(data: bytes) -> None:
    """Only the documented errors; extensions are read and written without a loss. Bytes that are no PEM are DER."""
    _check_extensions(data)
    pem = data if b"-----" in data else _as_pem(data)
    try:
        chain = read_chain(pem)
    except PassportError:
        return
    with contextlib.suppress(PassportError):
        check_chain(chain, [_ROOT], now=_NOW)
    with contextlib.suppress(PassportError):
        check_chain(chain, [chain[-1]], now=chain[0].not_valid_before_utc)
    for one in chain:
        with contextlib.suppress(PassportError):
            read_authority(one)


def _check_extensions(data: bytes) -> None:
    with contextlib.suppress(DerError):
        numbers = TnAuthList.decode(data)
        assert TnAuthList.decode(numbers.encode()) == numbers
        numbers.covers("12025551000")
        assert numbers.covers_all(numbers)
        assert numbers.may_pass_on(numbers)
    for enhanced in (True, False):
        with contextlib.suppress(DerError):
            limits = ClaimConstraints.decode(data, enhanced=enhanced)
            assert ClaimConstraints.decode(limits.encode()) == limits


def _as_pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
