"""Webhooks: is a request ours, and which event is it (docs/webhooks.md; contract, section 9, D43).

The signature is that of Standard Webhooks: HMAC-SHA256 over id, timestamp and body.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from callmark.client.environment import Environment
from callmark.client.errors import WebhookVerificationError
from callmark.client.events import Event, read_event

TOLERANCE_S = 300
"""How far the time of signing may be from now, either way. Every attempt is signed again, so retries pass too."""
_PREFIX = "whsec_"
_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
Name: TypeAlias = str | bytes


@runtime_checkable
class HeaderMapping(Protocol):
    """A mapping as frameworks have it; that of `http.server` is no `Mapping`."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Names and values."""
        ...


Headers: TypeAlias = HeaderMapping | Iterable[tuple[Name, Name]]
"""A request's headers: any framework's mapping, or pairs as ASGI has them."""


def unwrap(
    body: bytes | str, headers: Headers, *, secret: str | Sequence[str], tolerance: float = TOLERANCE_S
) -> Event:
    """The event of a webhook request. Raises WebhookVerificationError if it is not signed with the secret, or is old.

    `body` is the body as it came, not parsed and written again. `secret` is `whsec_…`, or several while one replaces
    another. `tolerance` is in seconds. Answer any 2xx; keep `event_id`, because an event may come twice.
    """
    content = _bytes(body) if isinstance(body, str) else bytes(body)
    found = _lower(headers)
    _check_time(found.get(_TIMESTAMP, ""), tolerance)
    signed = _bytes(f"{found.get(_ID, '')}.{found[_TIMESTAMP]}.") + content
    secrets = [secret] if isinstance(secret, str) else list(secret)
    expected = [hmac.digest(_key(one), signed, hashlib.sha256) for one in secrets]
    if not any(hmac.compare_digest(given, one) for given in _signatures(found) for one in expected):
        raise WebhookVerificationError(
            "no signature fits: is the secret this webhook's, and the body exactly as it came?"
        )
    try:
        raw = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise WebhookVerificationError("the body is signed and no JSON") from exc
    if not isinstance(raw, dict):
        raise WebhookVerificationError("the body is signed and no event")
    return read_event(raw)  # pyright: ignore[reportUnknownArgumentType] - JSON is what it is


def _lower(headers: Headers) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, HeaderMapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: Name) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(text: str) -> bytes:
    """Never raises, because anybody can send half of a character, and no two texts have the same bytes."""
    return text.encode(errors="surrogatepass")


def _check_time(text: str, tolerance: float) -> None:
    try:
        off = Environment().now() - int(text)
    except (ValueError, OverflowError) as exc:  # OverflowError: of hundreds of digits
        raise WebhookVerificationError(f"there is no {_TIMESTAMP} header with a time: not a webhook of ours") from exc
    if abs(off) > tolerance:
        way = "ago" if off > 0 else "in the future"
        raise WebhookVerificationError(
            f"it was signed {abs(off):.0f} s {way}: sent again by someone, or a clock is wrong"
        )


def _signatures(headers: Mapping[str, str]) -> list[bytes]:
    found: list[bytes] = []
    for one in headers.get(_SIGNATURE, "").split():
        version, _, digest = one.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(digest, validate=True))
            except ValueError:  # also of what is not ASCII, which no signature is
                continue
    return found


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as exc:
        raise WebhookVerificationError("the secret is not one: copy it whole, it begins with whsec_") from exc
    if not key:
        raise WebhookVerificationError("the secret is empty")
    return key
