"""The emulator's push service over HTTP, by the protocol that the real one documents."""

import json
from collections.abc import AsyncGenerator
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.support.factories import phone
from tests.surfaces.emulator.running import Emulated, emulated

from callmark.domain.deps import Deps
from callmark.kit.errors import SetupError
from callmark.kit.outbound.client import Outbound, allowed_networks
from callmark.kit.outbound.fcm import Fcm, MessageRefused, NotNow, TokenGone, Woken, read_service_account
from callmark.kit.settings import Settings
from callmark.passport.encoding import to_base64url
from callmark.processes.worker import prepare
from callmark.surfaces.emulator.handsets.wake_up import new_push_token
from callmark.surfaces.emulator.push_service import service_account

PATH = "/emulator/fcm"
SEND = f"{PATH}/v1/projects/{service_account.PROJECT}/messages:send"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """An emulator without its handsets' process."""
    await prepare(deps)
    async with emulated(deps, tmp_path, farm=False, wakes=True) as running:
        yield running


@lru_cache(maxsize=1)
def key_of(private_key: str) -> rsa.RSAPrivateKey:
    """Kept: OpenSSL checks a key when it is read, for a tenth of a second."""
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def assertion(emulator: Emulated, *, key: rsa.RSAPrivateKey | None = None, **changed: object) -> str:
    """What the platform signs for an access token, with changes."""
    account = json.loads(emulator.deps.settings.fcm_credentials_file.read_text())  # pyright: ignore[reportOptionalMemberAccess] - set by the fixture
    now = int(emulator.deps.real_clock.now().timestamp())
    claims = {
        "iss": account["client_email"],
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
    }
    signer = key or key_of(account["private_key"])
    parts = ({"alg": "RS256", "typ": "JWT"}, claims | changed)
    signed = ".".join(to_base64url(msgspec.json.encode(part)) for part in parts)
    return f"{signed}.{to_base64url(signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


async def ask_token(emulator: Emulated, given: str, grant: str = GRANT) -> httpx.Response:
    return await emulator.http.post(f"{PATH}/token", data={"grant_type": grant, "assertion": given})


async def send(emulator: Emulated, token: str, body: object, path: str = SEND) -> tuple[int, dict[str, Any]]:
    answer = await emulator.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json().get("error", {})


async def test_an_access_token_is_given_for_what_the_service_account_signed_just_now(emulator: Emulated) -> None:
    given = await ask_token(emulator, assertion(emulator))
    assert (given.status_code, given.json()["token_type"], given.json()["expires_in"]) == (200, "Bearer", 3600)
    now = int(emulator.deps.real_clock.now().timestamp())
    wrong = [
        assertion(emulator, key=rsa.generate_private_key(65537, 2048)),
        assertion(emulator, aud="https://oauth2.googleapis.com/token"),
        assertion(emulator, iss="someone@else.example"),
        assertion(emulator, exp=now + 7200),
        assertion(emulator, iat=now - 7200, exp=now - 3600),
        assertion(emulator, scope="https://www.googleapis.com/auth/calendar"),
        assertion(emulator, iat="now"),
        assertion(emulator) + "x",
        "a.b",
        "",
    ]
    for one in wrong:
        refused = await ask_token(emulator, one)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), one
    other = await ask_token(emulator, assertion(emulator), "client_credentials")
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")
    many = await emulator.http.post(f"{PATH}/token", content=b"a=1&" * 1000, headers=FORM)
    assert (many.status_code, many.json()["error"]) == (400, "unsupported_grant_type")


async def test_a_message_needs_a_token_that_was_given_and_a_body_of_the_protocol(emulator: Emulated) -> None:
    token = (await ask_token(emulator, assertion(emulator))).json()["access_token"]
    message = {"message": {"token": new_push_token(phone()), "data": {"type": "callmark.wake"}}}
    head, ends_at, proof = token.split(".")
    later = f"{head}.{int(ends_at) + 1}.{proof}"
    for wrong in ("x", "ya29.1.x", later, f"{head}.-1.{proof}", f"{head}.²².{proof}"):
        answer = await emulator.http.post(SEND, json=message, headers={b"Authorization": f"Bearer {wrong}".encode()})
        assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED"), wrong
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    other = await send(emulator, token, message, f"{PATH}/v1/projects/another/messages:send")
    assert (other[0], other[1]["status"]) == (403, "PERMISSION_DENIED")
    numbered = {"token": "a", "data": {"n": 1}}
    odd: list[Any] = [[], {}, {"message": {}}, {"message": {"token": ""}}, {"message": numbered}]
    for body in odd:
        status, error = await send(emulator, token, body)
        assert (status, error["status"]) == (400, "INVALID_ARGUMENT"), body
        assert error["details"][0]["errorCode"] == "INVALID_ARGUMENT"
    status, error = await send(emulator, token, {"message": {"token": "a", "data": {"n": "x" * 20_000}}})
    assert (status, "16" in error["message"]) == (400, True)
    assert (await send(emulator, token, message | {"validate_only": True}))[0] == 200
    named = {"token": "sink:my-app", "data": {"type": "callmark.wake"}}
    assert (await send(emulator, token, {"message": named}))[0] == 200
    (kept,) = (await emulator.http.get("/emulator/v1/sinks/my-app/requests")).json()
    assert json.loads(kept["body"])["data"] == {"type": "callmark.wake"}
    nowhere = await send(emulator, token, {"message": named | {"token": "sink:a b"}})
    assert (nowhere[0], nowhere[1]["details"][0]["errorCode"]) == (404, "UNREGISTERED")
    unavailable = await send(emulator, token, message)  # the handsets' process is not there
    assert (unavailable[0], unavailable[1]["status"]) == (503, "UNAVAILABLE")


async def test_no_other_sites_page_reaches_it(emulator: Emulated) -> None:
    for path in (f"{PATH}/token", SEND):
        answer = await emulator.http.post(path, content=b"", headers=FORM | {"Origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["slug"]) == (403, "forbidden-error")


async def test_our_client_of_the_real_service_understands_it(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    async with emulated(deps, tmp_path, wakes=True) as emulator, _outbound(emulator) as outbound:
        number, settings = phone(), emulator.deps.settings
        assert settings.fcm_credentials_file
        fcm = Fcm(
            read_service_account(settings.fcm_credentials_file), settings.fcm_url, outbound, emulator.deps.real_clock
        )
        await emulator.make(number, script={"sleeps": True})
        async with deps.db.connection() as tx:
            token = await tx.fetchval("SELECT push_token FROM registration WHERE phone_number = $1", number)
        assert isinstance(await fcm.wake(token, {"type": "callmark.wake"}, 60), Woken)
        assert isinstance(await fcm.wake(new_push_token(number), {}, 60), TokenGone)
        assert isinstance(await fcm.wake("APA91b-of-another-service", {}, 60), TokenGone)
        assert isinstance(await fcm.wake(token, {"n": "x" * 20_000}, 60), MessageRefused)
    assert isinstance(await fcm.wake(token, {}, 60), NotNow)


def _outbound(emulator: Emulated) -> Outbound:
    return Outbound(allowed_networks(emulator.deps.settings))


def settings_in(folder: Path, credentials: Path | None = None) -> Settings:
    return Settings(emulator=True, data=folder / "data", fcm_credentials_file=credentials)


def test_the_account_keeps_its_key_and_follows_the_address(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert service_account.known_account(settings) is None
    service_account.keep_account(settings, "http://127.0.0.1:1")
    first = service_account.known_account(settings)
    service_account.keep_account(settings, "http://127.0.0.1:2")
    path = service_account.with_push_service(settings, "http://127.0.0.1:2").fcm_credentials_file
    assert path
    assert path.stat().st_mode & 0o777 == 0o600
    second = read_service_account(path)
    assert first
    assert (second.private_key, second.token_uri) == (first.private_key, "http://127.0.0.1:2/emulator/fcm/token")
    path.write_text("spoilt")
    with pytest.raises(SetupError, match="remove the file"):
        service_account.keep_account(settings, "http://127.0.0.1:2")


def test_another_service_that_the_operator_has_set_stays(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, tmp_path / "firebase.json")
    service_account.keep_account(settings, "http://127.0.0.1:1")
    assert service_account.with_push_service(settings, "http://127.0.0.1:1") == settings
    assert service_account.known_account(settings) is None
