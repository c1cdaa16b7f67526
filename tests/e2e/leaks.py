"""What a run wrote, searched for what it must not hold: secrets, and whole phone numbers.

Allowed are the shortened form of a number (`9180…1234`), ids, and the names of routes. Exports and downloads hold whole
numbers because that is what they are for.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from tests.e2e.serving import ENVIRON

SECRET_FILES = ("secret-key", "emulator-token", "postgres-password", "virtual-handsets-credential")
SECRET_KEYS = {"api_key", "password", "emulator_token", "handset_app_key", "token", "secret"}
"""What credentials and answers call their secrets."""
OPENING_TABLES = {"mail", "virtual_handset", "sink_request"}
"""Tables that hold what opens something: letters with links, and what belongs to the emulator."""
_LINK = re.compile(r"/console/(?:reset|invitations|alerts/confirm|alerts/stop)/([\w-]+)")
_PHONE = re.compile(r"(?<![\w.-])\+?(91\d{10})(?!\w)")
_NUMBERS = (
    "SELECT phone_number FROM registration UNION SELECT phone_number FROM number UNION"
    " SELECT caller_number FROM call_record UNION SELECT receiver_number FROM call_record"
)
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def leaks(data: Path) -> list[str]:
    """Where the running demo on that directory wrote a secret or a whole phone number."""
    installation = json.loads((data / "installation.json").read_text())
    secrets = set(_secrets_of(json.loads((data / "demo-credentials.json").read_text())))
    secrets |= {_value_of(data / name) for name in SECRET_FILES} | _provoked(installation["base_url"])
    rows, numbers = asyncio.run(_stored(installation["postgres_dsn"]))
    mailed = set(_LINK.findall("\n".join(rows["mail"])))
    assert len(secrets) > len(SECRET_FILES)
    assert mailed
    assert numbers
    found: list[str] = []
    for where, text in _written(data, installation):
        found += [f"{where}: a secret"] if _holds(text, secrets | mailed) else []
        found += [f"{where}: the number {number[:4]}…" for number in set(_PHONE.findall(text)) & numbers]
    kept = {table: "\n".join(told) for table, told in rows.items() if table not in OPENING_TABLES}
    return found + [f"the table {table}: a secret" for table, text in kept.items() if _holds(text, secrets)]


def _provoked(base_url: str) -> set[str]:
    """Secrets of things made for this: each is used, and sent where it does not belong, as a number is."""
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20) as http:
        member = {"email": "lena@leaks.example", "name": "Lena"}
        made = http.post("/emulator/v1/accounts", json={"name": "Leaks", "members": [member]}).json()
        key, member, account = made["keys"][0], made["members"][0], made["client_account_id"]
        pair = {"key_id": key["key_id"], "api_key": key["api_key"]}
        token: str = http.post(f"/clients/{account}/token", json=pair).json()["token"]
        hook = {"client_account_id": account, "url": f"{base_url}/emulator/v1/sinks/leaks"}
        secret: str = http.post("/emulator/v1/webhooks", json=hook).json()["secret"]
        number = http.get("/emulator/v1/handsets").json()[0]["phone_number"]
        evil = {"Origin": "https://evil.example"}
        page = http.get("/console/forgot").text
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        http.post("/console/forgot", data={"email": member["email"], "csrf": csrf})
        http.post("/console/sign-in", data={"email": member["email"], "password": member["password"]}, headers=evil)
        for wrong in (token, secret, key["api_key"], number):
            auth = {"Authorization": f"Bearer {wrong}", "X-Request-Id": f"{wrong}!"}
            http.get(f"/extensions/v1/clients/{account}/numbers/{wrong}?text={wrong}", headers=auth)
            http.post(f"/console/numbers/{wrong}/delist", data={"csrf": wrong}, headers=evil)
            http.get(f"/emulator/v1/handsets/{wrong}/screen?caller={wrong}", headers=evil | auth)
            http.get(f"/console/reset/{wrong}")
            http.get(f"/downloads/{wrong}")
            http.post("/handset/v1/sync", json={"held": [wrong]}, headers=auth)
            http.post("/stir/v1/calls", json={"orig": wrong}, headers=auth)
        return {*_secrets_of(made), token, secret}


def _value_of(path: Path) -> str:
    """A secret file's content, without the name that some give it."""
    text = path.read_text().strip()
    return text.partition("=")[2] or text


def _holds(text: str, secrets: Iterable[str]) -> bool:
    return any(secret in text for secret in secrets)


def _secrets_of(told: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    match told:
        case dict():
            for name, inside in told.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from _secrets_of(inside, str(name))  # pyright: ignore[reportUnknownArgumentType] - JSON
        case list():
            for inside in told:  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from _secrets_of(inside, key)
        case str() if key in SECRET_KEYS:
            yield told
        case _:
            pass


def _written(data: Path, installation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What processes and engines logged, every page of metrics, and what the doctor prints."""
    for path in sorted((data / "logs").iterdir()):
        yield path.name, path.read_text(errors="replace")
    yield "metrics", httpx.get(f"{installation['base_url']}/metrics", trust_env=False).text
    for url in installation["admin_urls"]:
        with suppress(httpx.ConnectError):  # of a process that a test killed
            yield f"{url}/metrics", httpx.get(f"{url}/metrics", trust_env=False).text
    doctor = [Path(sys.executable).parent / "callmark", "doctor", "--data", data]
    done = subprocess.run(doctor, env=ENVIRON, capture_output=True, text=True, check=False, timeout=60)
    yield "doctor", done.stdout + done.stderr


async def _stored(dsn: str) -> tuple[dict[str, list[str]], set[str]]:
    """Every row of every table, as a dump would have it; and the phone numbers that the installation knows."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(dsn)
    try:
        numbers = {str(row[0]) for row in await connection.fetch(_NUMBERS)}
        tables = [str(row[0]) for row in await connection.fetch(_TABLES)]
        rows = {one: await connection.fetch(f'SELECT t::text FROM "{one}" t') for one in tables}
        return {table: [str(row[0]) for row in found] for table, found in rows.items()}, numbers
    finally:
        await connection.close()
