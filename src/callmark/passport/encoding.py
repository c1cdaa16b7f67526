"""The two encodings of a token: JSON in its one signed form (RFC 8225, section 9), and base64url without padding."""

import base64
import binascii
import json
import re
from typing import Any, cast

from callmark.passport.errors import InvalidPassport

MOST_BYTES = 8 * 1024
"""Of a header or of claims, decoded; longer ones are refused unread. A SIP message has to stay well below 64 KiB."""
_DEEPEST = 16
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)


def signed_form(value: object) -> bytes:
    """JSON with sorted keys and no white space, in UTF-8: the one text that is signed or hashed.

    Raises ValueError for what JSON cannot hold.
    """
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode()


def read_object(text: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises InvalidPassport.

    Not JSON, not an object, a key twice, too deep, too long; or with what no JSON can say again: half a character, a
    number without end.
    """
    if len(text) > MOST_BYTES:
        raise InvalidPassport(f"the {what} is longer than {MOST_BYTES} bytes")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidPassport(f"the {what} is nested too deeply") from None
    except ValueError as exc:
        raise InvalidPassport(f"the {what} is not JSON that counts: {exc}") from exc
    found = as_object(value)
    if found is None:
        raise InvalidPassport(f"the {what} is not a JSON object")
    _check_depth(found, what)
    try:
        signed_form(found)
    except ValueError as exc:
        raise InvalidPassport(f"the {what} is not JSON that counts: {exc}") from exc
    return found


def as_object(value: object) -> dict[str, Any] | None:
    """`value` where it is a JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_array(value: object) -> list[Any] | None:
    """`value` where it is a JSON array."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def to_base64url(value: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_base64url(text: str, what: str) -> bytes:
    """The bytes of `text`. Raises InvalidPassport for other characters, padding, or bits that mean nothing."""
    if not _BASE64URL.match(text):
        raise InvalidPassport(f"the {what} is not base64url")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as exc:
        raise InvalidPassport(f"the {what} is not base64url") from exc
    if to_base64url(value) != text:  # a second spelling of the same bytes would be a second token
        raise InvalidPassport(f"the {what} is not base64url in its one form")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a JSON number")


def _check_depth(value: object, what: str) -> None:
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in _members(one)]
        if not level:
            return
    raise InvalidPassport(f"the {what} is nested too deeply")


def _members(value: object) -> list[Any]:
    return as_array(value) or list((as_object(value) or {}).values())
