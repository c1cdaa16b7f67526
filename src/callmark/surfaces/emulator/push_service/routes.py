"""The emulator's push service: Firebase Cloud Messaging, HTTP v1, for the apps of virtual handsets that sleep.

It does what the platform needs of the real one: an access token for an assertion that a service account has signed, and
one message to one app. Errors are in that protocol's shape. Its address is guarded as the control API is.

Source: Firebase's documentation, "FCM HTTP v1 API" (method messages.send, error codes); OAuth 2.0 for service accounts
as Google documents it (RFC 7523).
"""

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import timedelta
from functools import lru_cache
from typing import Annotated
from urllib.parse import parse_qs

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.broken_json import NOT_JSON
from callmark.domain.deps import Deps
from callmark.kit.errors import AppError, NotFound, Unauthenticated
from callmark.kit.ids import new_id
from callmark.kit.phone import shorten
from callmark.kit.secret_key import derived
from callmark.passport.encoding import from_base64url
from callmark.passport.errors import InvalidPassport
from callmark.surfaces.bodies import decode_clean, read_text
from callmark.surfaces.emulator.control_api.routing import json_route
from callmark.surfaces.emulator.control_api.sinks import keep_message
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.handsets.wake_up import phone_of
from callmark.surfaces.emulator.push_service.service_account import (
    CLIENT_EMAIL,
    PATH,
    PROJECT,
    known_account,
    token_uri,
)
from callmark.surfaces.http import CHALLENGE, Response, bearer, check_media_type, render

log = structlog.get_logger(__name__)

LARGEST_BODY_BYTES = 16 * 1024
SINK = "sink:"
"""A token that begins so is of an app that a developer tests: its messages are kept in the sink of that name."""

ANSWERED_WITHIN = timedelta(seconds=3)
_LIFETIME_S = 3600
_LONGEST_ASSERTION_S = 3600
_SKEW_S = 60
_MOST_FIELDS = 10
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES = {
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
}
_TOKEN_FORM = re.compile(r"ya29\.([0-9]{1,12})\.[^.]+")
_DETAIL = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class AndroidOptions(Struct, frozen=True):
    """How an Android app gets it. All messages to virtual handsets are taken for urgent ones."""

    priority: str = "NORMAL"
    ttl: str = "2419200s"
    collapse_key: str = ""


class PushMessage(Struct, frozen=True):
    """A message to the app with that token."""

    token: Annotated[str, Meta(min_length=1, max_length=4096)]
    data: dict[str, str] = {}
    android: AndroidOptions = AndroidOptions()


class SendBody(Struct, frozen=True):
    """What `messages:send` takes; with `validate_only` nothing is sent."""

    message: PushMessage
    validate_only: bool = False


class _AssertionClaims(Struct, frozen=True):
    iss: str
    scope: str
    aud: str
    iat: int
    exp: int


class _AssertionHead(Struct, frozen=True):
    alg: str


def push_service_routes(deps: Deps) -> list[BaseRoute]:
    """The address that gives access tokens, and the one that takes messages."""
    service = _PushService(deps)
    return [
        json_route(f"{PATH}/token", POST=service.give_token),
        json_route(f"{PATH}/v1/projects/{{project}}/messages:send", POST=service.send),
    ]


class _PushService:
    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    # access tokens ----------------------------------------------------------------------------------------------------

    async def give_token(self, request: Request) -> Response:
        """An access token for a signed assertion."""
        body = await read_text(request.scope, request.receive, LARGEST_BODY_BYTES)
        form = _form(body)
        if form.get("grant_type") != [_GRANT]:
            return _no_token("unsupported_grant_type", "grant_type must be that of a JWT bearer")
        if fault := self._fault_of(form.get("assertion", [""])[0]):
            return _no_token("invalid_grant", fault)
        ends_at = self._now_s() + _LIFETIME_S
        return render({"access_token": self._token(ends_at), "expires_in": _LIFETIME_S, "token_type": "Bearer"})

    def _fault_of(self, assertion: str) -> str:
        """Why it does not count; empty when it does."""
        account = known_account(self._deps.settings)
        if account is None:
            return "this emulator has no service account yet"
        try:
            head, claims, signature = assertion.split(".")
            _check(account.private_key, f"{head}.{claims}".encode(), from_base64url(signature, "signature"))
            alg = msgspec.json.decode(from_base64url(head, "header"), type=_AssertionHead).alg
            told = msgspec.json.decode(from_base64url(claims, "claims"), type=_AssertionClaims)
        except (ValueError, InvalidPassport, InvalidSignature, msgspec.DecodeError):
            return "the assertion is not a JSON Web Token that the service account has signed"
        now_s = self._now_s()
        lasts = told.iat - _SKEW_S <= now_s < told.exp <= told.iat + _LONGEST_ASSERTION_S
        if alg != "RS256" or told.iss != CLIENT_EMAIL or told.aud != token_uri(self._deps.public_url):
            return "alg, iss or aud of the assertion is wrong"
        if not lasts or not _SCOPES & set(told.scope.split()):
            return "the assertion does not hold now, or lacks the scope of messages"
        return ""

    def _token(self, ends_at_s: int) -> str:
        """Nothing has to be kept for it: any process can check it."""
        key = derived(self._deps.settings, "emulator push service")
        proof = hmac.digest(key, str(ends_at_s).encode(), "sha256")
        return f"ya29.{ends_at_s}.{urlsafe_b64encode(proof).decode().rstrip('=')}"

    def _is_token(self, text: str) -> bool:
        found = _TOKEN_FORM.fullmatch(text)
        if not found:
            return False
        ends_at_s = int(found[1])
        return hmac.compare_digest(text.encode(), self._token(ends_at_s).encode()) and self._now_s() < ends_at_s

    def _now_s(self) -> int:
        return int(self._deps.real_clock.now().timestamp())

    # messages ---------------------------------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """Passes a message on to the app; it wakes by its handset's script."""
        if not self._is_token(bearer(request.scope)):
            return _refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if request.path_params["project"] != PROJECT:
            return _refused(403, "PERMISSION_DENIED", "The service account has no right to this project.")
        try:
            check_media_type(request.scope)
            text = await read_text(request.scope, request.receive, LARGEST_BODY_BYTES)
            body = decode_clean(SendBody, text)
        except (AppError, *NOT_JSON) as exc:
            return _refused(400, "INVALID_ARGUMENT", str(getattr(exc, "message", exc)), "INVALID_ARGUMENT")
        return await self._pass_on(body)

    async def _pass_on(self, body: SendBody) -> Response:
        token = body.message.token
        try:
            if body.validate_only:
                log.info("message_is_valid")
            elif token.startswith(SINK):
                await keep_message(self._deps, token.removeprefix(SINK), msgspec.json.encode(body.message))
            else:
                await farm_api.ask(self._deps, farm_api.Wake(token), farm_api.Done, ANSWERED_WITHIN)
        except NotFound:
            return _refused(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
        except AppError as exc:
            log.info("message_not_passed_on", error=exc.detail)
            return _refused(503, "UNAVAILABLE", "The service is unavailable.", "UNAVAILABLE")
        log.info("message_passed_on", phone=shorten(phone_of(token)))
        return render({"name": f"projects/{PROJECT}/messages/{new_id()}"})


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError:  # too many of them
        return {}


def _check(private_key: str, signed: bytes, signature: bytes) -> None:
    """Raises InvalidSignature."""
    _public_key(private_key).verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


@lru_cache(maxsize=1)
def _public_key(private_key: str) -> rsa.RSAPublicKey:
    """Kept, because OpenSSL checks a private key when it is read, which takes a tenth of a second."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidSignature
    return key.public_key()


def _no_token(error: str, description: str) -> Response:
    return render({"error": error, "error_description": description}, 400)


def _refused(status: int, name: str, message: str, code: str = "") -> Response:
    details = [{"@type": _DETAIL, "errorCode": code}] if code else []
    answer = render({"error": {"code": status, "message": message, "status": name, "details": details}}, status)
    if status == Unauthenticated.status:
        answer.headers.append(CHALLENGE)
    return answer
