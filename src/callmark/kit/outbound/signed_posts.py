"""The headers of a signed POST in the form of Standard Webhooks (contract D43)."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from callmark import __version__

_PREFIX = "whsec_"
"""What secrets begin with."""
_USER_AGENT = f"Callmark/{__version__}"


def shown_secret(secret: bytes) -> str:
    """The secret as people copy it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """The secret that was copied. Raises ValueError for a text that is not a secret."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError(text) from exc
    if not text.startswith(_PREFIX) or not secret:
        raise ValueError(text)
    return secret


def signed_headers(message_id: UUID, body: bytes, secrets: Iterable[bytes], real_now: datetime) -> dict[str, str]:
    """All headers that we set ourselves. The timestamp is of the real clock: a verifier refuses a shifted one."""
    message, timestamp = str(message_id), str(int(real_now.timestamp()))
    signed = f"{message}.{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join([signature(secret, signed) for secret in secrets]),
    }


def signature(secret: bytes, signed: bytes) -> str:
    """One signature as its header has it, of the message's id, its timestamp and its body with dots between."""
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}"
