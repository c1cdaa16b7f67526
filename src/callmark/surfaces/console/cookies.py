"""Cookies of the console: session, waiting code, device, known browser, a said-once message; and CSRF tokens.

Each function takes the address `at` which browsers reach the installation, its `public_url`. At an https one their
names get the `__Host-` prefix, so that no other host of the domain can set them. Cookies know no ports: names end in
that of the address, so that two installations of one host do not take each other's.
"""

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from callmark.domain.ids import AccountId
from callmark.domain.sessions.known_browsers.service import LIFETIME as KNOWN_LIFETIME
from callmark.domain.sessions.model import CODE_LIFETIME, DEVICE_LIFETIME
from callmark.kit.ids import random_text

_ALL = SESSION, VISITOR, CODE, DEVICE, BROWSER, FLASH, THEME, PERSON, FORMS = (
    "callmark_session",
    "callmark_visitor",
    "callmark_code",
    "callmark_device",
    "callmark_browser",
    "callmark_said",
    "callmark_theme",
    "callmark_person",
    "callmark_forms",
)
_OF_HOST = "__Host-"
_CSRF_BYTES, _ID_BYTES = 32, 16
_LONGEST_TOKEN = 128
"""Of forms: the two halves, in Base64. A field may be of any length that a form has, and is read byte by byte."""
_LONGEST_FLASH = 600
"""In characters, of at most four bytes each: browsers keep no cookie of more than 4,096 bytes."""
_flash = msgspec.json.Decoder(tuple[str, str]).decode


class Cookie(Struct, frozen=True):
    """A cookie to set; `lifetime` None: as long as the browser runs; an empty value removes it."""

    name: str
    value: str
    lifetime: timedelta | None = None
    http_only: bool = True


def read(request: Request, name: str, *, at: str) -> str:
    """A cookie that was sent, empty when there is none; of several, the last.

    Its value is as `write` sent it, whose values need no escapes, in quotes or not. Starlette would undo escapes as
    well, for all cookies; Pythons before 3.11.10 and 3.12.6 take the square of their number for it (CVE-2024-7592).
    """
    key, value = _full(name, at), ""
    for header in request.headers.getlist("cookie"):
        for sent in re.findall(rf"(?:^|;)[ \t]*{key}=([^;]*)", header):
            value = sent.strip(" \t")
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def are_any(request: Request, *, at: str) -> bool:
    """Whether a cookie of the console was sent, whichever: the browser keeps them."""
    return any(read(request, name, at=at) for name in _ALL)


def write(response: Response, cookie: Cookie, *, at: str) -> None:
    """Sets a cookie on an answer."""
    name = _full(cookie.name, at)
    options = {"path": "/", "secure": name.startswith(_OF_HOST), "httponly": cookie.http_only, "samesite": "lax"}
    if cookie.value:
        age = None if cookie.lifetime is None else int(cookie.lifetime.total_seconds())
        response.set_cookie(name, cookie.value, max_age=age, **options)  # pyright: ignore[reportArgumentType] - the options' own types
    else:
        response.delete_cookie(name, **options)  # pyright: ignore[reportArgumentType] - as above


def session(token: str) -> list[Cookie]:
    """Signed in (or, with no token, signed out): what belonged to the visitor before is gone."""
    return [Cookie(SESSION, token), Cookie(VISITOR, ""), Cookie(CODE, "")]


def code(token: str) -> Cookie:
    """The browser's part of a sign-in that waits for its code."""
    return Cookie(CODE, token, CODE_LIFETIME)


def devices(kept: str) -> Cookie:
    """What makes a code unnecessary in this browser."""
    return Cookie(DEVICE, kept, DEVICE_LIFETIME)


def browser(kept: str) -> Cookie:
    """What makes it a known browser, in which wrong passwords count apart."""
    return Cookie(BROWSER, kept, KNOWN_LIFETIME)


def forms(secret: str, lifetime: timedelta) -> Cookie:
    """What opens the forms that are kept for this browser."""
    return Cookie(FORMS, secret, lifetime)


def flash(said: str, kind: str) -> Cookie:
    """A message that the next page shows once."""
    text = json.dumps([kind, said[:_LONGEST_FLASH]], ensure_ascii=False).encode(errors="replace")
    return Cookie(FLASH, urlsafe_b64encode(text).decode(), timedelta(minutes=1))


def read_flash(request: Request, *, at: str) -> tuple[str, str] | None:
    """Kind and text of a message to be shown once."""
    try:
        kind, said = _flash(urlsafe_b64decode(read(request, FLASH, at=at)))
    except (msgspec.DecodeError, ValueError):
        return None
    return (kind, said) if kind in {"success", "warning", "danger", "info"} else None


def new_visitor(session_token: str = "") -> str:
    """What binds the forms of who is not signed in to its browser.

    After a session it is made of that one's token: all tabs that find it ended, at the same moment too, get the same.
    """
    return _csrf(session_token, b" of a visitor").hex() if session_token else random_text(_CSRF_BYTES)


def csrf_token(key: str, account_id: AccountId | None = None) -> str:
    """A token for the forms of one page, of an operator that acts for this account.

    Masked again each time, so that compression tells nothing about it.
    """
    account = account_id.bytes if account_id else b""
    plain = _csrf(key, account) + account
    mask = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(mask + _xor(mask, plain)).decode()


def is_csrf_token(token: str, key: str) -> bool:
    """Whether the token was made for this key, with the account that it names."""
    plain = _unmasked(token)
    account = plain[_CSRF_BYTES:]
    return len(account) in {0, _ID_BYTES} and hmac.compare_digest(plain[:_CSRF_BYTES], _csrf(key, account))


def account_of(token: str) -> AccountId | None:
    """The account that a token names, whatever key it was made for; None when it names none."""
    account = _unmasked(token)[_CSRF_BYTES:]
    return AccountId(UUID(bytes=account)) if len(account) == _ID_BYTES else None


def _csrf(key: str, account: bytes) -> bytes:
    return hmac.digest(key.encode(), b"callmark console form" + account, sha256)


def _unmasked(token: str) -> bytes:
    """What a token holds; empty when it is none, or longer than any."""
    if len(token) > _LONGEST_TOKEN:
        return b""
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        return b""
    half = len(raw) // 2
    return _xor(raw[:half], raw[half:]) if len(raw) == 2 * half else b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@lru_cache
def _full(name: str, at: str) -> str:
    """Light or dark is the same for all installations of a host, some of which have another port at every start."""
    parts = urlsplit(at)
    port = f"_{parts.port}" if parts.port and name != THEME else ""
    return f"{_OF_HOST if parts.scheme == 'https' else ''}{name}{port}"
