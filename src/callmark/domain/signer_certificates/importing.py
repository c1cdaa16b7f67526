"""A certificate from a certification authority of the network, with its key: what must be right with both."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec.structs import replace

from callmark.domain.signer_certificates.chain_problems import chain_problem
from callmark.domain.signer_certificates.model import SERIAL, StoredCertificate
from callmark.kit.errors import Conflict, InvalidInput
from callmark.passport.authority import TnAuthList
from callmark.passport.certificates import check_chain, may_issue, read_authority, read_chain
from callmark.passport.errors import PassportError
from callmark.passport.issuers import UNREADABLE

_MOST_KEY_BYTES = 16 * 1024


class ReadImport(NamedTuple):
    """The certificate with those that issued it, without the root, its key, and when the first of the chain ends."""

    chain: list[x509.Certificate]
    key: ec.EllipticCurvePrivateKey
    ends: datetime


def read_import(pem: bytes, key_pem: bytes, roots: Sequence[x509.Certificate], now: datetime) -> ReadImport:
    """What two files hold, for verifiers that trust the roots that are trusted here.

    Raises InvalidInput about `certificate` or `key` that says what is wrong.
    """
    chain = _read(pem)
    _check_leaf(chain[0], now)
    ends = chain[0].not_valid_after_utc
    if len(chain) > 1:
        try:
            ends = check_chain(chain, [chain[-1]], now=now).valid_until
        except PassportError as exc:
            raise _bad(f"those that follow it in the file do not lead to it: {exc.detail}") from exc
    key = _read_key(key_pem)
    if key.public_key() != chain[0].public_key():
        raise InvalidInput("the key is not the one of this certificate", field="key")
    served = [chain[0], *(one for one in chain[1:] if one.issuer != one.subject)]
    if problem := chain_problem(served, roots, now, chain):
        raise _bad(f"{problem.why}. {problem.advice}")
    return ReadImport(served, key, min(ends, check_chain(served, roots, now=now).valid_until))


def covers_all(new: TnAuthList, old: TnAuthList) -> bool:
    """Whether `new` allows everything that `old` does, so that it can take its place."""
    return set(old.provider_codes) <= set(new.provider_codes) and new.covers_all(old)


def at_its_address(new: StoredCertificate, same_serial: Sequence[StoredCertificate]) -> StoredCertificate:
    """The certificate with the address of its file, which is its own again if it was here before.

    Raises Conflict where the certificate is in use, but not for the same account with others in the file.
    """
    leaf = read_chain(new.chain.encode())[0]
    for one in same_serial:
        is_replaced = one.account_id == new.account_id and one.chain != new.chain
        if one.retired_at is None and not is_replaced and read_chain(one.chain.encode())[0] == leaf:
            raise Conflict(
                "this certificate is here already and in use; to import it again, first run"
                f" `callmark stir certificate retire {one.serial}`"
            )
    before = next((one for one in same_serial if one.chain == new.chain), None)
    if before is not None:
        return replace(new, serial=before.serial)
    return replace(new, serial=f"{new.serial}-{sha256(new.chain.encode()).hexdigest()[:16]}") if same_serial else new


def _read(pem: bytes) -> Sequence[x509.Certificate]:
    try:
        return list(dict.fromkeys(read_chain(pem)))
    except PassportError as exc:
        raise _bad(exc.detail) from exc


def _check_leaf(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise _bad(f"it is valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on")
    if now > leaf.not_valid_after_utc:
        raise _bad(f"it expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if not SERIAL.fullmatch(f"{leaf.serial_number:x}"):
        raise _bad("its serial number is not a positive number of at most 20 bytes")
    try:
        key, is_issuer = leaf.public_key(), may_issue(leaf)
    except UNREADABLE as exc:
        raise _bad(f"it cannot be read: {exc}") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad("its key is not on the curve P-256")
    if is_issuer:
        raise _bad("it is one that issues certificates, not one that signs calls; put the signer's first")
    try:
        read_authority(leaf)
    except PassportError as exc:
        raise _bad(exc.detail) from exc


def _read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    if len(pem) > _MOST_KEY_BYTES:
        raise InvalidInput(f"the key's file is larger than {_MOST_KEY_BYTES} bytes", field="key")
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as exc:
        raise InvalidInput("the key is protected by a password; decrypt it first", field="key") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InvalidInput("the key's file holds no private key in PEM", field="key") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidInput("the key is not one on the curve P-256", field="key")
    return key


def _bad(why: str) -> InvalidInput:
    return InvalidInput(f"the certificate cannot be used: {why}", field="certificate")
