"""Wakes apps through Firebase Cloud Messaging, HTTP v1: data messages of high priority, and what their answers mean.

Source: Firebase's documentation, "FCM HTTP v1 API" and "Send messages using the HTTP v1 API"; OAuth 2.0 for service
accounts as Google documents it.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.kit.clock import Clock
from callmark.kit.errors import SetupError
from callmark.kit.outbound.client import Answered, Outbound, Unreachable
from callmark.passport.encoding import to_base64url

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASKED_FOR = timedelta(hours=1)
_RENEWED_BEFORE = timedelta(minutes=5)
_LONGEST_TTL_S = 28 * 86_400  # the service's own limit
_EARLIER = timedelta(seconds=10)
"""How much before now an assertion says that it was made: our clock may be ahead of the service's."""
_OK, _BAD, _UNAUTHORISED, _TOO_LARGE, _TOO_MANY = 200, 400, 401, 413, 429
_ABOUT_THE_MESSAGE = {"INVALID_ARGUMENT", "SENDER_ID_MISMATCH"}
"""Errors that another try does not change; others are of the service, our account, or something on the way to it."""
_LONGEST_WAIT_S = 3600


class ServiceAccount(msgspec.Struct, frozen=True):
    """The credentials file that the Firebase console gives for a project."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"

    def __repr__(self) -> str:
        return f"ServiceAccount(project_id={self.project_id!r})"


class Woken(Struct, frozen=True):
    """The service has taken the message."""


class TokenGone(Struct, frozen=True):
    """The app is no longer installed; its token never works again."""


class NotNow(Struct, frozen=True):
    """Try again, in the service's opinion after `after_s` (None: it has none)."""

    error: str
    after_s: float | None = None


class MessageRefused(Struct, frozen=True):
    """The message will never be taken; why."""

    error: str


Woke = Woken | TokenGone | NotNow | MessageRefused


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = 3600


class _Detail(msgspec.Struct):
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    details: list[_Detail] = []


class _Failed(msgspec.Struct):
    error: _Error


def read_service_account(path: Path) -> ServiceAccount:
    """The credentials in that file. Raises SetupError."""
    try:
        account = msgspec.json.decode(path.read_bytes(), type=ServiceAccount)
        _key_of(account.private_key)
    except OSError as exc:
        raise SetupError(f"CALLMARK_FCM_CREDENTIALS_FILE: cannot read {path}: {exc.strerror}") from exc
    except (msgspec.DecodeError, ValueError) as exc:
        raise SetupError(
            f"CALLMARK_FCM_CREDENTIALS_FILE: {path} is not the JSON file of a Firebase service account ({exc})"
        ) from exc
    return account


class Fcm:
    """One project's messages. Its access token is fetched when it is first needed, and again before it ends."""

    def __init__(self, account: ServiceAccount, url: str, outbound: Outbound, real_clock: Clock) -> None:
        self._account = account
        self._key = _key_of(account.private_key)
        self._address = f"{url.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        self._outbound = outbound
        self._clock = real_clock
        self._token, self._ends_at = "", real_clock.now()
        self._one_at_a_time = asyncio.Lock()
        self._rests_until = 0.0

    @property
    def is_free(self) -> bool:
        """Whether the service has not asked us to wait at this moment."""
        return time.monotonic() >= self._rests_until

    async def wake(self, token: str, data: Mapping[str, str], ttl_s: float) -> Woke:
        """Sends a data message of high priority to the app with this token; the result."""
        android = {"priority": "HIGH", "ttl": f"{int(min(ttl_s, _LONGEST_TTL_S))}s", "collapse_key": "callmark"}
        body = msgspec.json.encode({"message": {"token": token, "data": data, "android": android}})
        for _ in range(2):
            access = await self._access()
            if not isinstance(access, str):
                return access
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {access}"}
            answer = await self._outbound.post(self._address, body, headers)
            if isinstance(answer, Unreachable):
                return NotNow(answer.error)
            if answer.status != _UNAUTHORISED:
                return self._meaning(answer)
            self._token = ""  # it was taken back before its time
        return NotNow("the service does not accept our access token")

    def _meaning(self, answer: Answered) -> Woke:
        if answer.status == _OK:
            return Woken()
        error = _error_of(answer)
        codes = {detail.error_code for detail in error.details}
        if "UNREGISTERED" in codes:
            return TokenGone()
        said = f"{answer.status} {error.status} {error.message}".strip()
        if answer.status in (_BAD, _TOO_LARGE) or codes & _ABOUT_THE_MESSAGE:
            return MessageRefused(said)
        after_s = _seconds(answer.retry_after)
        if answer.status == _TOO_MANY or after_s:
            self._rest(after_s)
        return NotNow(said, after_s)

    def _rest(self, after_s: float | None) -> None:
        self._rests_until = time.monotonic() + (after_s or 1.0)

    async def _access(self) -> str | NotNow:
        """An access token that lasts a while; what is wrong when there is none.

        No failure is final, as it is not about the message: a 400 comes also while a clock is a little off, or a new
        key is not known everywhere. After one the service rests, for the others who wait here would ask it in turn.
        """
        async with self._one_at_a_time:
            if self._token and self._clock.now() < self._ends_at - _RENEWED_BEFORE:
                return self._token
            if not self.is_free:
                return NotNow("no access token: the service is left alone for a moment")
            found = await self._new_token()
            if isinstance(found, NotNow):
                self._rest(found.after_s)
            return found

    async def _new_token(self) -> str | NotNow:
        now = self._clock.now()
        form = urlencode({"grant_type": _GRANT, "assertion": self._assertion()}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._outbound.post(self._account.token_uri, form, kind)
        if isinstance(answer, Unreachable):
            return NotNow(f"no access token: {answer.error}")
        if answer.status != _OK:
            said = f"no access token: {answer.status} {answer.body[:200].decode(errors='replace')}"
            return NotNow(said, _seconds(answer.retry_after))
        try:
            got = msgspec.json.decode(answer.body, type=_Token)
        except NOT_JSON:
            return NotNow("no access token: the answer cannot be read")
        self._token, self._ends_at = got.access_token, now + timedelta(seconds=got.expires_in)
        return self._token

    def _assertion(self) -> str:
        """Who we are, signed: a JSON Web Token (RFC 7523) for the token address."""
        now = int((self._clock.now() - _EARLIER).timestamp())
        claims = {
            "iss": self._account.client_email,
            "scope": _SCOPE,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + int(_ASKED_FOR.total_seconds()),
        }
        signed = ".".join(to_base64url(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{to_base64url(signature)}"


@lru_cache(maxsize=1)
def _key_of(private_key: str) -> rsa.RSAPrivateKey:
    """Kept, because OpenSSL checks a key when it is read, which takes a tenth of a second."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("its private key is not RSA")  # noqa: TRY004 - a value of the file, not of ours
    return key


def _error_of(answer: Answered) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Failed).error
    except NOT_JSON:
        return _Error(answer.body[:200].decode(errors="replace"))


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; the service does not use dates."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return min(float(retry_after), _LONGEST_WAIT_S)
