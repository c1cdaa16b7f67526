"""Webhooks: is a request ours, and which event is it (docs/webhooks.md; contract, section 9, D43).

The signature is that of Standard Webhooks: HMAC-SHA256 over id, timestamp and body.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast, runtime_checkable

import msgspec

from callmark.client.environment import Environment
from callmark.client.errors import CallmarkError, WebhookVerificationError
from callmark.client.events import Event, read_event
from callmark.client.reprs import SecretBytes

TOLERANCE_S = 300
"""How far the time of signing may be from now, either way. Every attempt is signed again, so retries pass too."""
_PREFIX = "whsec_"
_NO_SECRET = "the secret is not one; copy it whole, it begins with whsec_"  # noqa: S105 - a text
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
    another; blanks around them and empty ones do not count. `tolerance` is in seconds. Answer any 2xx; keep `event_id`,
    because an event may come twice. Raises plain CallmarkError, which is no 400, if there is no secret to check with.
    """
    keys, unusable = _keys(secret)
    content = SecretBytes(_bytes(body) if isinstance(body, str) else bytes(body))
    del secret, body  # anybody can cause an error here, and error trackers keep its variables
    found = _lower(headers)
    _check_time(found.get(_TIMESTAMP, ""), tolerance)
    signed = SecretBytes(_bytes(f"{found.get(_ID, '')}.{found[_TIMESTAMP]}.") + content)
    expected = [SecretBytes(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    if not any(hmac.compare_digest(given, one) for given in _signatures(found) for one in expected):
        also = f" Of the secrets, {unusable} cannot be used: {_NO_SECRET}" if unusable else ""
        raise WebhookVerificationError(
            f"no signature fits: is the secret this webhook's, and the body exactly as it came?{also}"
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


def _keys(secret: object) -> tuple[list[bytes], int]:
    """The keys of the secrets, and how many secrets are none. Raises CallmarkError if no key is left."""
    is_one = isinstance(secret, str | bytes) or not isinstance(secret, Iterable)
    given: list[object] = [secret] if is_one else list(cast("Iterable[object]", secret))
    texts: list[str] = []
    for one in given:
        if one is not None and not isinstance(one, str):
            raise CallmarkError(f"webhooks cannot be verified: a secret is a text, not {type(one).__name__}")
        texts += [one.strip()] if one and one.strip() else []
    keys = [key for text in texts if (key := _key(text))]
    if not keys:
        raise CallmarkError(f"webhooks cannot be verified: {_NO_SECRET if texts else 'there is no secret'}")
    return keys, len(texts) - len(keys)


def _key(secret: str) -> bytes:
    """Empty if it is none."""
    try:
        return SecretBytes(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:
        return b""
