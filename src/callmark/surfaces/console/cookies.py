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

from callmark.domain.ids import AccountId, MemberId, OperatorId
from callmark.domain.sessions.known_browsers.service import LIFETIME as KNOWN_LIFETIME
from callmark.domain.sessions.model import CODE_LIFETIME, DEVICE_LIFETIME, Person
from callmark.kit.ids import random_text

_ALL = SESSION, VISITOR, CODE, DEVICE, BROWSER, FLASH, THEME, FORMS = (
    "callmark_session",
    "callmark_visitor",
    "callmark_code",
    "callmark_device",
    "callmark_browser",
    "callmark_said",
    "callmark_theme",
    "callmark_forms",
)
_OF_HOST = "__Host-"
_CSRF_BYTES, _ID_BYTES = 32, 16
_PERSON_BYTES = 1 + _ID_BYTES
_LONGEST_TOKEN = 176
"""Of forms: the two halves, in Base64. A field may be of any length that a form has, and is read byte by byte."""
_LONGEST_FLASH = 600
"""In characters, of at most four bytes each: browsers keep no cookie of more than 4,096 bytes."""
_flash = msgspec.json.Decoder(tuple[str, str]).decode


class Viewer(Struct, frozen=True):
    """Whom a page was made for: the person, and the account that the session acted for.

    Neither is named by a page for who is not signed in.
    """

    person: Person = Person()
    account_id: AccountId | None = None


NOBODY = Viewer()


class Cookie(Struct, frozen=True):
    """A cookie to set; `lifetime` None: as long as the browser runs; an empty value removes it."""

    name: str
    value: str
    lifetime: timedelta | None = None


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
    lifetime = cookie.lifetime if cookie.value else timedelta()
    age = None if lifetime is None else int(lifetime.total_seconds())
    is_https = name.startswith(_OF_HOST)
    response.set_cookie(name, cookie.value, max_age=age, secure=is_https, httponly=True, samesite="lax")


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


def csrf_token(key: str, viewer: Viewer = NOBODY) -> str:
    """A token for all requests of one page, which names whom the page was made for.

    Masked again each time, so that compression tells nothing about it.
    """
    names = _names(viewer)
    plain = _csrf(key, names) + names
    mask = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(mask + _xor(mask, plain)).decode()


def is_csrf_token(token: str, key: str) -> bool:
    """Whether the token was made for this key, with the names that it has."""
    plain = _unmasked(token)
    names = plain[_CSRF_BYTES:]
    return _are_names(names) and hmac.compare_digest(plain[:_CSRF_BYTES], _csrf(key, names))


def viewer_of(token: str) -> Viewer:
    """Whom a token names, whatever key it was made for. Only `is_csrf_token` says that it is one of ours."""
    names = _unmasked(token)[_CSRF_BYTES:]
    if not names or not _are_names(names):
        return NOBODY
    named, account = UUID(bytes=names[1:_PERSON_BYTES]), names[_PERSON_BYTES:]
    person = Person(MemberId(named)) if names[:1] == b"m" else Person(operator_id=OperatorId(named))
    return Viewer(person, AccountId(UUID(bytes=account)) if account else None)


def _names(viewer: Viewer) -> bytes:
    member_id, operator_id = viewer.person.member_id, viewer.person.operator_id
    person = b"m" + member_id.bytes if member_id else b"o" + operator_id.bytes if operator_id else b""
    return person + (viewer.account_id.bytes if viewer.account_id else b"")


def _are_names(names: bytes) -> bool:
    return len(names) in {0, _PERSON_BYTES, _PERSON_BYTES + _ID_BYTES}


def _csrf(key: str, names: bytes) -> bytes:
    return hmac.digest(key.encode(), b"callmark console form" + names, sha256)


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
