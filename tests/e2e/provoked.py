"""Secrets made to be looked for: each is used, and sent where it does not belong, as happens by mistake."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from tests.e2e.serving import run_here, until

SECRET_KEYS = {"api_key", "password", "emulator_token", "handset_app_key", "token", "secret"}
"""What credentials and answers call their secrets."""
LAST_ASKED = "/stir/v1/calls"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_EVIL = {"Origin": "https://evil.example"}
_MEMBER = {"email": "lena@leaks.example", "name": "Lena"}


def provoked(base_url: str, data: Path) -> set[str]:
    """Secrets of an account, a member, a webhook, an edge and an operator's program of the running demo."""
    with _browser(base_url) as http:
        made = http.post("/emulator/v1/accounts", json={"name": "Leaks", "members": [_MEMBER]}).json()
        key, member, account = made["keys"][0], made["members"][0], made["client_account_id"]
        pair = {"key_id": key["key_id"], "api_key": key["api_key"]}
        token: str = http.post(f"/clients/{account}/token", json=pair).json()["token"]
        hook = {"client_account_id": account, "url": f"{base_url}/emulator/v1/sinks/leaks"}
        secret: str = http.post("/emulator/v1/webhooks", json=hook).json()["secret"]
        number = http.get("/emulator/v1/handsets").json()[0]["phone_number"]
        edge, operator = (
            _command(data, "edge", "create", "--name", "leaks")["token"],
            _command(data, "operator", "token", "create", "--name", "leaks")["token"],
        )
        _sign(http, edge)
        listed = http.get(f"/extensions/v1/operator/accounts/{account}", headers=_bearer(operator))
        assert listed.status_code == 200, listed.text
        _ask_for_letters(base_url, made["members"][0])
        for wrong in (token, secret, key["api_key"], number, edge, operator):
            _send_where_it_does_not_belong(http, account, member, wrong)
        return {*secrets_of(made), token, secret, edge, operator}


def secrets_of(told: Any, key: str = "") -> Iterator[str]:
    """What JSON holds under the names of secrets."""
    match told:
        case dict():
            for name, inside in told.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from secrets_of(inside, str(name))  # pyright: ignore[reportUnknownArgumentType] - JSON
        case list():
            for inside in told:  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from secrets_of(inside, key)
        case str() if key in SECRET_KEYS:
            yield told
        case _:
            pass


def _send_where_it_does_not_belong(http: httpx.Client, account: str, member: dict[str, str], wrong: str) -> None:
    http.post("/console/sign-in", data={"email": member["email"], "password": member["password"]}, headers=_EVIL)
    auth = {**_bearer(wrong), "X-Request-Id": f"{wrong}!"}
    http.get(f"/extensions/v1/clients/{account}/numbers/{wrong}?text={wrong}", headers=auth)
    http.get(f"/extensions/v1/operator/accounts/{wrong}", headers=auth)
    http.post(f"/console/numbers/{wrong}/delist", data={"csrf": wrong}, headers=_EVIL)
    http.get(f"/emulator/v1/handsets/{wrong}/screen?caller={wrong}", headers=_EVIL | auth)
    http.get(f"/console/reset/{wrong}")
    http.get(f"/downloads/{wrong}")
    http.post("/handset/v1/sync", json={"held": [wrong]}, headers=auth)
    http.post(LAST_ASKED, json={"orig": wrong}, headers=auth)


def _sign(http: httpx.Client, edge: str) -> None:
    """Asks as a call server does; whether the demo signs that call is not looked at, that it knows the edge is."""
    asked = {"signingRequest": {"orig": {"tn": "918040001234"}, "dest": {"tn": ["919840000001"]}, "iat": 1}}
    assert http.post("/stir/v1/signing", json=asked, headers=_bearer(edge)).status_code != 401


def _ask_for_letters(base_url: str, member: dict[str, str]) -> None:
    """One with a link to a new password, and one with the code that her account asks for from now on."""
    signing_in = {"email": member["email"], "password": member["password"]}
    with _browser(base_url) as http:
        _fill(http, "/console/forgot", {"email": member["email"]})
        until(lambda: member["email"] in http.get("/emulator/v1/mails").text)  # a worker writes it
        assert _fill(http, "/console/sign-in", signing_in).headers["location"] == "/console"
        _fill(http, "/console/settings", {"name": "Leaks", "requires_code": "on"})
    with _browser(base_url) as http:
        assert _fill(http, "/console/sign-in", signing_in).headers["location"] == "/console/sign-in/code"


def _fill(http: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """Opens a page and sends its form."""
    (csrf, *_) = _CSRF.findall(http.get(path).text)
    done = http.post(path, data={"csrf": csrf, **form})
    assert done.status_code in (200, 303), done.text
    return done


def _browser(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, trust_env=False, timeout=20)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _command(data: Path, *words: str) -> dict[str, str]:
    done = run_here(*words, "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
