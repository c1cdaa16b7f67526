"""Keys of NATS' kind, made up."""

import base64
import json
import os
from typing import Any

import nkeys

_nkeys: Any = nkeys  # it ships without types


class Keys:
    """A made-up key of NATS' kind, which signs its tokens."""

    def __init__(self, kind: int) -> None:
        self.seed: bytes = _nkeys.encode_seed(os.urandom(32), kind)
        self._pair: Any = _nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def token(self, subject: str, **claims: Any) -> str:
        body = {"jti": "made-up", "iat": 1, "iss": self.public, "name": "made-up", "sub": subject, "nats": claims}
        text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        return f"{text}.{_coded(self._pair.sign(text.encode()))}"


def _part(value: object) -> str:
    return _coded(json.dumps(value).encode())


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
