"""Who we are for NATS: a user's key (an NKEY, which is Ed25519), and the token that names it where there is one.

nats-py would take the package `nkeys` for it. That has no wheel, so an installation would compile it.
"""

import base64
import binascii
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

_SEED = r"SU[A-Z2-7]{56}"
_ALONE = re.compile(rf"\s*({_SEED})\s*")
_IN_FILE = re.compile(rf"BEGIN USER NKEY SEED-*\s+({_SEED})\s")
_TOKEN = re.compile(r"BEGIN NATS USER JWT-*\s+([\w.=-]+)\s")
_USER = 20 << 3
"""What the public key of a user has before it: it is written as `U…` then."""
_CHECKSUM_BYTES = 2


class UserKey(Struct, frozen=True):
    """A key, and the token of its user; empty if the server knows the key itself."""

    key: Ed25519PrivateKey
    token: str = ""

    @classmethod
    def parse(cls, text: str) -> "UserKey":
        """What a `.creds` file says, or one with a seed alone. Raises ValueError."""
        token, seed = _TOKEN.search(text), _IN_FILE.search(text) or _ALONE.fullmatch(text)
        if seed is None or (token is None and not _ALONE.fullmatch(text)):
            raise ValueError("it needs a user's JWT and its NKEY seed, or the seed of an NKEY user alone")
        return cls(Ed25519PrivateKey.from_private_bytes(_raw(seed[1])), token[1] if token else "")

    @classmethod
    def read(cls, path: Path) -> "UserKey":
        """The same of a file. Raises OSError, and ValueError that names it."""
        try:
            return cls.parse(path.read_text())
        except UnicodeDecodeError as exc:
            raise ValueError(f"cannot read {path}: it is no text") from exc
        except ValueError as exc:
            raise ValueError(f"{path} is not a NATS credentials file; {exc}") from exc

    @property
    def public(self) -> str:
        """The key that the server knows."""
        return _coded(bytes([_USER]) + self.key.public_key().public_bytes_raw())

    def sign(self, nonce: str) -> bytes:
        """The answer to what a server asks who connects."""
        return base64.b64encode(self.key.sign(nonce.encode()))


def _raw(seed: str) -> bytes:
    """The key in a seed: two bytes say what kind of key it is, two at the end are a checksum. Raises ValueError."""
    whole = base64.b32decode(seed + "=" * (-len(seed) % 8))
    content = whole[:-_CHECKSUM_BYTES]
    if _checksum(content) != whole[-_CHECKSUM_BYTES:]:
        raise ValueError("its seed is not whole, or has a letter changed: copy it again")
    return content[2:]


def _coded(content: bytes) -> str:
    return base64.b32encode(content + _checksum(content)).decode().rstrip("=")


def _checksum(content: bytes) -> bytes:
    return binascii.crc_hqx(content, 0).to_bytes(_CHECKSUM_BYTES, "little")
