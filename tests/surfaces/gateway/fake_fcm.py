"""A server that speaks the documented protocol of Firebase Cloud Messaging, for tests of what wakes phones."""

import json
from collections.abc import Awaitable
from functools import cache
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec import Struct, field
from tests.domain.webhooks.receiving import Received

from callmark.passport.encoding import from_base64url


@cache
def account_key() -> rsa.RSAPrivateKey:
    """Of the service account that the stand-in for Google knows."""
    return rsa.generate_private_key(65537, 2048)


class FakeFcm(Struct):
    """Access tokens for who signs with our key, and answers to messages as the test sets them."""

    url: str
    requests: list[Received]
    answers: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list[Any])
    tokens: int = 0
    refusals: list[int] = field(default_factory=list[int])
    """Statuses that the token address answers instead of giving the next access tokens."""
    meanwhile: list[Awaitable[None]] = field(default_factory=list[Awaitable[None]])
    """What happens while the next message is on its way."""

    def messages(self) -> list[dict[str, Any]]:
        """What was sent to apps."""
        return [json.loads(one.body)["message"] for one in self.requests if one.target.endswith("messages:send")]

    def sign_ons(self) -> int:
        """How often an access token was asked for."""
        return len([one for one in self.requests if one.target == "/token"])

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            form = await request.post()
            check_assertion(str(form["assertion"]), self.url)
            if self.refusals:
                return web.json_response({"error": "invalid_grant"}, status=self.refusals.pop(0))
            self.tokens += 1
            return web.json_response(
                {"access_token": f"ya29.{self.tokens}", "expires_in": 3599, "token_type": "Bearer"}
            )
        assert request.path == "/v1/projects/ring-app/messages:send"
        if request.headers["Authorization"] != f"Bearer ya29.{self.tokens}":
            return web.json_response({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no"}}, status=401)
        if self.meanwhile:
            await self.meanwhile.pop()
        if self.answers:
            status, body, headers = self.answers.pop(0)
            return web.json_response(body, status=status, headers=headers)
        return web.json_response({"name": "projects/ring-app/messages/0:1"})


def check_assertion(assertion: str, url: str) -> None:
    head, claims, signature = assertion.split(".")
    assert json.loads(from_base64url(head, "head")) == {"alg": "RS256", "typ": "JWT"}
    told = json.loads(from_base64url(claims, "claims"))
    assert (told["iss"], told["aud"]) == ("callmark@ring-app.example", f"{url}/token")
    assert told["exp"] - told["iat"] == 3600
    signed, proof = f"{head}.{claims}".encode(), from_base64url(signature, "signature")
    account_key().public_key().verify(proof, signed, padding.PKCS1v15(), hashes.SHA256())


def credentials(url: str) -> dict[str, str]:
    pem = (
        account_key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )
    about = {"type": "service_account", "project_id": "ring-app", "client_email": "callmark@ring-app.example"}
    return about | {"private_key": pem, "token_uri": f"{url}/token"}
