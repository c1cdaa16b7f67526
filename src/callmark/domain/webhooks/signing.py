"""Signs deliveries in the form of Standard Webhooks (contract D43), and keeps the secrets encrypted."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.metadata import version

from callmark.domain.ids import EventId, WebhookId
from callmark.domain.webhooks.model import Secrets
from callmark.kit.secret_key import Sealer, derived
from callmark.kit.settings import Settings

PREFIX = "whsec_"
_SECRET_BYTES = 24


def new_secret() -> bytes:
    """A fresh random secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The secret as a business copies it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def sealer(settings: Settings) -> Sealer:
    """What encrypts webhook secrets. Raises SetupError without a secret key."""
    return Sealer(derived(settings, "webhook secrets"))


def living(secrets_: Secrets, webhook_id: WebhookId, sealer_: Sealer, now: datetime) -> list[bytes]:
    """The secrets that sign at the product instant `now`: the new one, and an old one while the overlap lasts."""
    found = [sealer_.open(secrets_.sealed, webhook_id.bytes)]
    if secrets_.sealed_old and secrets_.old_until and now < secrets_.old_until:
        found.append(sealer_.open(secrets_.sealed_old, webhook_id.bytes))
    return found


def headers(event_id: EventId, body: bytes, secrets_: Iterable[bytes], real_now: datetime) -> dict[str, str]:
    """All headers that we set ourselves. The timestamp is of the real clock: a verifier refuses a shifted one."""
    timestamp = str(int(real_now.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = (base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets_)
    return {
        "Content-Type": "application/json",
        "User-Agent": user_agent(),
        "webhook-id": str(event_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }


@cache
def user_agent() -> str:
    """The product and its version."""
    return f"Callmark/{version('callmark')}"
