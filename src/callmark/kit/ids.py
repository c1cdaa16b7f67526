"""Ids and secrets. Ids are UUIDv7 from the real clock, so that they sort by age and index well.

Their class is `QuickUuid`, a UUID like any other.
"""

import hashlib
import re
import secrets
import string
from uuid import UUID

import uuid_utils
from msgspec import Struct

from callmark.kit.fastpath.uuids import QuickUuid

_ID_PART = re.compile(r"[0-9a-f-]{4,36}")
_ALPHABET = (string.ascii_letters + string.digits).encode()
_EVENLY = len(_ALPHABET) * 4
"""Random bytes below it fall on each letter alike; those from it on are left out."""
_LETTER_OF = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_LEFT_OUT = bytes(range(_EVENLY, 256))
_UUID_LENGTH, _HYPHENS = 36, "----"


def new_id() -> UUID:
    """A fresh UUIDv7; later ones of one process sort after earlier ones."""
    return QuickUuid(uuid_utils.uuid7().bytes)


def new_id_bytes() -> bytes:
    """As `new_id`, as PostgreSQL takes it: a record of a batch needs its id nowhere else."""
    return uuid_utils.uuid7().bytes


def random_uuid() -> UUID:
    """A fresh random UUID (122 unguessable bits), for secrets whose wire form is a UUID."""
    return UUID(bytes=secrets.token_bytes(16), version=4)


def random_text(length: int, *, prefix: str = "") -> str:
    """`length` characters of letters and digits in all, beginning with the recognisable `prefix`."""
    wanted, found = length - len(prefix), b""
    while len(found) < wanted:
        found += secrets.token_bytes(wanted + wanted // 8).translate(_LETTER_OF, _LEFT_OUT)
    return prefix + found[:wanted].decode()


class SecretForm(Struct, frozen=True):
    """How the secrets of one kind look: their beginning, by which people and scanners know them, and their length."""

    prefix: str
    length: int

    def new(self) -> str:
        """A fresh secret."""
        return random_text(self.length, prefix=self.prefix)

    def fits(self, text: str) -> bool:
        """Whether `text` can be one at all; anything else is refused without asking the database."""
        return len(text) == self.length and text.isascii() and text.startswith(self.prefix)


def sha256(secret: str) -> bytes:
    """What we store of a random secret that we only ever compare."""
    return hashlib.sha256(secret.encode()).digest()


def id_part(text: str) -> str | None:
    """An id as people copy it from a page: whole, or at least 4 of its first or last characters; else None."""
    plain = text.strip().strip("\N{HORIZONTAL ELLIPSIS}.").lower()
    return plain if _ID_PART.fullmatch(plain) else None


def parse_uuid(text: str) -> UUID | None:
    """The UUID written as 8-4-4-4-12 hexadecimal digits, or None for anything else."""
    if len(text) != _UUID_LENGTH or text[8:24:5] != _HYPHENS or text.count("-") != len(_HYPHENS):
        return None
    try:
        return QuickUuid(text)
    except ValueError:
        return None
