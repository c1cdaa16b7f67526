"""Webhooks: is a request ours, and which event is it (docs/webhooks.md; contract, section 9, D43).

The signature is that of Standard Webhooks: HMAC-SHA256 over id, timestamp and body.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import msgspec

from callmark.broken_json import NOT_JSON
from callmark.client.environment import Environment
from callmark.client.errors import CallmarkError, WebhookVerificationError
from callmark.client.events import Event, read_event
from callmark.client.reprs import SecretBytes, SecretList

TOLERANCE_S = 300
"""How far the time of signing may be from now, either way. Every attempt is signed again, so retries pass too."""
_PREFIX = "whsec_"
_NO_SECRET = "the secret is not one; copy it whole, it begins with whsec_"
_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
Name: TypeAlias = str | bytes


@runtime_checkable
class HeaderMapping(Protocol):
    """A mapping as frameworks have it; that of `http.server` is no `Mapping`."""

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values; of AWS, a name may have a list of values."""
        ...


Headers: TypeAlias = HeaderMapping | Iterable[tuple[Name, Name]]
"""A request's headers: any framework's mapping, or pairs as ASGI has them."""
_NAMES = frozenset({_ID, _TIMESTAMP, _SIGNATURE})
_IN_ENVIRONMENT = {f"http_{name.replace('-', '_')}": name for name in _NAMES}
"""What WSGI's environment, and Django's `request.META`, call them."""


def unwrap(
    body: bytes | str | None, headers: Headers | None, *, secret: str | Sequence[str], tolerance: float = TOLERANCE_S
) -> Event:
    """The event of a webhook request. Raises WebhookVerificationError if it is not signed with the secret, or is old.

    `body` is the body as it came, not parsed and written again; None is an empty one. `secret` is `whsec_…`, or several
    while one replaces another; blanks around them and empty ones do not count. `tolerance` is in seconds. Answer any
    2xx; keep `event_id`, because an event may come twice. Raises plain CallmarkError, which is no 400, if there is no
    secret to check with, the body is no text and no bytes, or the headers are no mapping and no pairs.
    """
    keys, unusable = _keys(secret)
    content = SecretBytes(_content(body))
    del secret, body  # anybody can cause an error here, and error trackers keep its variables
    found = _signing_headers(headers)
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
    except NOT_JSON as exc:
        raise WebhookVerificationError("the body is signed and no JSON") from exc
    if not isinstance(raw, dict):
        raise WebhookVerificationError("the body is signed and no event")
    return read_event(raw)  # pyright: ignore[reportUnknownArgumentType] - JSON is what it is


def _content(body: object) -> bytes:
    """The bytes that were signed. Raises CallmarkError for what a framework made of them."""
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)  # pyright: ignore[reportUnknownArgumentType] - a memoryview of anything
    if body is None or isinstance(body, str):
        return _bytes(body or "")
    raise CallmarkError(
        f"webhooks cannot be verified: the body is of type {type(body).__name__}. Pass it as it came (request.body, "
        "request.get_data()), not parsed JSON"
    )


def _signing_headers(headers: Headers | None) -> dict[str, str]:
    """Those of a signature that there are, by their names in small letters. Raises CallmarkError."""
    found = {_text(name).lower(): value for name, value in _pairs(headers)}
    if not _NAMES & found.keys() and _IN_ENVIRONMENT.keys() & found.keys():
        raise WebhookVerificationError(
            "there are no headers of a webhook, but an environment with them: pass request.headers, not request.META"
        )
    return {name: _text(value) for name, value in found.items() if name in _NAMES and value is not None}


def _pairs(headers: Headers | None) -> list[tuple[object, object]]:
    """Raises CallmarkError for what is neither a mapping nor pairs."""
    try:
        given = headers.items() if isinstance(headers, HeaderMapping) else headers or ()
        return [(name, value) for name, value in given]
    except (TypeError, ValueError):
        raise CallmarkError(
            f"webhooks cannot be verified: the headers are of type {type(headers).__name__}, and no mapping or pairs."
            " Pass them as they came (request.headers)"
        ) from None  # its text may show a value


def _text(value: object) -> str:
    """Of several values, the last, as AWS has them in lists."""
    if isinstance(value, list | tuple):
        value = value[-1] if value else ""  # pyright: ignore[reportUnknownVariableType] - whatever a framework has
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)  # pyright: ignore[reportUnknownArgumentType] - as above


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
    given = SecretList([secret] if is_one else cast("Iterable[object]", secret))
    others = [type(one).__name__ for one in given if one is not None and not isinstance(one, str)]
    if others:
        raise CallmarkError(f"webhooks cannot be verified: a secret is a text, not {others[0]}")
    texts = SecretList(one.strip() for one in given if one and one.strip())
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
