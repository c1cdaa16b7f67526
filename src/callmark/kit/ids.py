"""Ids and secrets. Ids are UUIDv7 from the real clock, so that they sort by age and index well."""

import hashlib
import secrets
import string
from uuid import UUID

from uuid_utils.compat import uuid7

_ALPHABET = string.ascii_letters + string.digits


def new_id() -> UUID:
    """A fresh UUIDv7; later ones of one process sort after earlier ones."""
    return uuid7()


def random_uuid() -> UUID:
    """A fresh random UUID (122 unguessable bits), for secrets whose wire form is a UUID."""
    return UUID(bytes=secrets.token_bytes(16), version=4)


def random_text(length: int, *, prefix: str = "") -> str:
    """`length` characters of letters and digits in all, beginning with the recognisable `prefix`."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def sha256(secret: str) -> bytes:
    """What we store of a random secret that we only ever compare."""
    return hashlib.sha256(secret.encode()).digest()


def parse_uuid(text: str) -> UUID | None:
    """The UUID written as 8-4-4-4-12 hexadecimal digits, or None for anything else."""
    if len(text) != 36 or text[8] != "-" or text[13] != "-" or text[18] != "-" or text[23] != "-":  # noqa: PLR2004 - the one length of a hyphenated UUID
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
