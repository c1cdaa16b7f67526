"""Ids and secrets. Ids are UUIDv7 from the real clock, so that they sort by age and index well."""

import hashlib
import re
import secrets
import string
from uuid import UUID, SafeUUID

import uuid_utils

_ID_PART = re.compile(r"[0-9a-f-]{4,36}")
_ALPHABET = string.ascii_letters + string.digits
_new_uuid = object.__new__
_SAFETY = SafeUUID.unknown  # here, because to name the member of an enumeration is slow
_set_int, _set_safe = UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__


def new_id() -> UUID:
    """A fresh UUIDv7; later ones of one process sort after earlier ones."""
    made = _new_uuid(UUID)  # as `_uuid_of`, without the call: one for every record pushed
    _set_int(made, uuid_utils.uuid7().int)
    _set_safe(made, _SAFETY)
    return made


def new_id_bytes() -> bytes:
    """As `new_id`, as PostgreSQL takes it: a record of a batch needs its id nowhere else."""
    return uuid_utils.uuid7().bytes


def random_uuid() -> UUID:
    """A fresh random UUID (122 unguessable bits), for secrets whose wire form is a UUID."""
    return UUID(bytes=secrets.token_bytes(16), version=4)


def random_text(length: int, *, prefix: str = "") -> str:
    """`length` characters of letters and digits in all, beginning with the recognisable `prefix`."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def sha256(secret: str) -> bytes:
    """What we store of a random secret that we only ever compare."""
    return hashlib.sha256(secret.encode()).digest()


def id_part(text: str) -> str | None:
    """An id as people copy it from a page: whole, or at least 4 of its first or last characters; else None."""
    plain = text.strip().strip("\N{HORIZONTAL ELLIPSIS}.").lower()
    return plain if _ID_PART.fullmatch(plain) else None


def parse_uuid(text: str) -> UUID | None:
    """The UUID written as 8-4-4-4-12 hexadecimal digits, or None for anything else."""
    if len(text) != 36 or text[8] != "-" or text[13] != "-" or text[18] != "-" or text[23] != "-":  # noqa: PLR2004 - the one length of a hyphenated UUID
        return None
    digits = text.replace("-", "")
    try:
        return _uuid_of(int(digits, 16)) if len(digits) == 32 else None  # noqa: PLR2004 - as above
    except ValueError:
        return None


def _uuid_of(number: int) -> UUID:
    made = _new_uuid(UUID)  # not through its constructor, which takes four times as long, for every record pushed
    _set_int(made, number)
    _set_safe(made, _SAFETY)
    return made
