"""Keys of NATS' kind, made up."""

import base64
import binascii
import json
import os
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OPERATOR, ACCOUNT, USER = 14 << 3, 0, 20 << 3
"""Kinds of keys, by the byte before the public one."""
_SEED = 18 << 3


class Keys:
    """A made-up key of NATS' kind, which signs its tokens."""

    def __init__(self, kind: int) -> None:
        secret = os.urandom(32)
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.seed: str = _written(bytes([_SEED | kind >> 5, (kind & 31) << 3]) + secret)
        self.public: str = _written(bytes([kind]) + self._key.public_key().public_bytes_raw())

    def token(self, subject: str, **claims: Any) -> str:
        body = {"jti": "made-up", "iat": 1, "iss": self.public, "name": "made-up", "sub": subject, "nats": claims}
        text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        return f"{text}.{_coded(self._key.sign(text.encode()))}"


def _written(content: bytes) -> str:
    checked = content + binascii.crc_hqx(content, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def _part(value: object) -> str:
    return _coded(json.dumps(value).encode())


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
