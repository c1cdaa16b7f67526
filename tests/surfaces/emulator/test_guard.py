"""What a page of another site, and a name that an attacker points at loopback, can do: nothing."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.routing import Route
from tests.surfaces.emulator.running import Emulated, emulated
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from callmark.domain.deps import Deps
from callmark.kit.roles import HTTP_ROLES
from callmark.kit.settings import Secret
from callmark.processes.worker import prepare
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.app import EmulatorRoutes
from callmark.surfaces.emulator.guard import emulator_token

PUBLIC = "http://127.0.0.1:8700"
FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "http://localhost:8700"},
    {"Origin": "http://[not-an-address"},
    {"Origin": "file://127.0.0.1:8700"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
)
NAMES = (
    "evil.example",
    "127.0.0.1.nip.io",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example:8700",
    "203.0.113.7",
    "[2001:db8::1]:8700",
    "",
)
OPEN = {("POST", "/emulator/v1/sinks/{name}")}
"""Routes of the emulator that anybody may use: platforms elsewhere deliver to sinks."""
TAKE_JSON = (
    ("POST", "clock"),
    ("PUT", "seed"),
    ("PUT", "sinks/crm"),
    ("POST", "reset"),
    ("POST", "calls"),
    ("POST", "../live/919900000001"),
)
BESIDE = (("POST", "/handset/v1/registrations"), ("GET", "/metrics"))
_IDS = {"phone": "919900000001", "name": "crm", "project": "callmark"}


def client_of(deps: Deps, host: str = "127.0.0.1", hosts: str = "") -> httpx.AsyncClient:
    settings = msgspec.structs.replace(
        deps.settings,
        emulator=True,
        emulator_force=True,
        host=host,
        emulator_hosts=hosts,
        secret_key=Secret("a secret key of this test, long enough"),
    )
    there = replace(deps, settings=settings, public_url=PUBLIC)
    transport = httpx.ASGITransport(build_app(there, HTTP_ROLES))
    token = {"x-token-of-the-test": emulator_token(settings)}
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC, headers=token)


@pytest.fixture
async def client(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    await prepare(deps)
    async with client_of(deps) as made:
        yield made


@pytest.fixture
async def guarded(deps: Deps) -> list[tuple[str, str]]:
    """Every route of the emulator's table that is not open, and what else has secrets and asks for no credential."""
    routes = [route for route in EmulatorRoutes(deps).routes if isinstance(route, Route)]
    table = [(method, route.path) for route in routes for method in sorted((route.methods or set()) - {"HEAD"})]
    assert set(table) > OPEN
    return [*BESIDE, *[(method, path.format_map(_IDS)) for method, path in table if (method, path) not in OPEN]]


async def test_a_page_of_another_site_is_refused_everywhere(
    client: httpx.AsyncClient, guarded: list[tuple[str, str]]
) -> None:
    assert [wrong for headers in FOREIGN for wrong in await _let_in(client, guarded, headers)] == []


async def test_a_name_that_anybody_may_own_is_refused_everywhere(
    client: httpx.AsyncClient, guarded: list[tuple[str, str]]
) -> None:
    everything = [*guarded, ("GET", "/console/sign-in"), ("POST", "/console/sign-in")]
    named = [{"Host": name, "Sec-Fetch-Site": "same-origin"} for name in NAMES]
    assert [wrong for headers in named for wrong in await _let_in(client, everything, headers)] == []


async def _let_in(client: httpx.AsyncClient, routes: list[tuple[str, str]], headers: dict[str, str]) -> list[str]:
    """Where such a request is answered otherwise than with a refusal."""
    found: list[str] = []
    for method, path in routes:
        answer = await client.request(method, path, headers=headers)
        if answer.status_code != 403 or answer.json()["slug"] != "forbidden-error":
            found.append(f"{method} {path} with {headers}: {answer.status_code} {answer.text[:200]}")
    return found


async def test_names_of_this_machine_are_let_in(client: httpx.AsyncClient) -> None:
    names = ("127.0.0.1:8700", "localhost", "LOCALHOST:9", "demo.localhost", "[::1]:8700", "127.1.2.3")
    answers = {
        name: await client.get("/emulator/v1/clock", headers={"Host": name, "Origin": f"http://{name}"})
        for name in names
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(names, 200)


async def test_two_hosts_are_one_too_many(client: httpx.AsyncClient) -> None:
    both = [("Host", "127.0.0.1:8700"), ("Host", "evil.example")]
    assert (await client.get("/emulator/v1/clock", headers=both)).status_code == 403


async def test_own_pages_and_programs_of_this_machine_are_let_in(client: httpx.AsyncClient) -> None:
    own: list[dict[str, str]] = [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": PUBLIC}]
    for headers in own:
        assert (await client.get("/emulator/v1/clock", headers=headers)).status_code == 200
        assert (await client.post("/emulator/v1/clock", headers=headers, json={"advance_s": 0})).status_code == 400
    behind_proxy = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    assert (await client.get("/emulator/v1/clock", headers=behind_proxy)).status_code == 200


async def test_a_link_on_another_site_leads_to_a_page_but_not_into_the_control_api(client: httpx.AsyncClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert (await client.get("/", headers=link)).status_code == 200
    assert (await client.get("/emulator/mails", headers=link)).status_code == 200
    assert (await client.get("/emulator/client", headers=link)).status_code == 200
    assert (await client.get("/emulator/live", headers=link)).status_code == 403
    assert (await client.get("/emulator/v1/mails", headers=link)).status_code == 403
    assert (await client.get("/emulator", headers={**link, "Sec-Fetch-Dest": "iframe"})).status_code == 403


async def test_the_emulator_token_lets_programs_elsewhere_in(client: httpx.AsyncClient) -> None:
    token = client.headers["x-token-of-the-test"]
    elsewhere = {"Host": "callmark:8700", "Origin": "null"}
    for sent, status in ((f"Bearer {token}", 200), (f"Bearer {token[:-1]}", 403), ("Bearer ", 403), (token, 403)):
        answer = await client.get("/emulator/v1/clock", headers={**elsewhere, "Authorization": sent})
        assert answer.status_code == status


async def test_names_that_are_configured_are_let_in(deps: Deps) -> None:
    await prepare(deps)
    async with client_of(deps, hosts="Demo.example, callmark") as client:
        for headers in ({"Host": "callmark:8700"}, {"Host": "demo.example"}, {"Origin": "https://demo.example:3000"}):
            assert (await client.get("/emulator/v1/clock", headers=headers)).status_code == 200
        assert (await client.get("/emulator/v1/clock", headers={"Host": "callmark.evil.example"})).status_code == 403


async def test_a_demo_on_another_host_is_reached_by_its_addresses_but_by_no_foreign_name(deps: Deps) -> None:
    await prepare(deps)
    async with client_of(deps, host="192.168.1.5") as client:
        for name in ("192.168.1.5:8700", "[fe80::1]:8700", "localhost:8700"):
            own = {"Host": name, "Origin": f"http://{name}"}
            assert (await client.get("/emulator/v1/clock", headers=own)).status_code == 200
            assert (await client.get("/emulator/v1/clock", headers={**own, "Origin": PUBLIC})).status_code == 200
            assert (await client.get("/emulator/v1/clock", headers={**own, "Origin": "null"})).status_code == 403
        assert (await client.get("/emulator/v1/clock", headers={"Host": "192.168.1.5.nip.io"})).status_code == 403


async def test_a_body_that_does_not_say_that_it_is_json_is_refused(client: httpx.AsyncClient) -> None:
    found: list[str] = []
    sent = json.dumps({"advance_s": 60}).encode()
    before = (await client.get("/emulator/v1/clock")).json()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        headers = {"Content-Type": kind} if kind else {}
        for method, path in TAKE_JSON:
            answer = await client.request(method, f"/emulator/v1/{path}", content=sent, headers=headers)
            if answer.status_code != 415 or answer.json()["slug"] != "unsupported-media-type":
                found.append(f"{method} {path} as {kind}: {answer.status_code} {answer.text[:200]}")
        if (now := (await client.get("/emulator/v1/clock")).json()["now"])[:16] != before["now"][:16]:
            found.append(f"as {kind}: the clock is {now}")
    assert found == []


async def test_a_sink_takes_deliveries_from_anywhere_and_shows_them_to_nobody_else(client: httpx.AsyncClient) -> None:
    elsewhere = {"Host": "callmark:8700", "Content-Type": "text/plain"}
    assert (await client.post("/emulator/v1/sinks/crm", content=b"hello", headers=elsewhere)).status_code == 200
    assert (await client.get("/emulator/v1/sinks/crm/requests", headers=elsewhere)).status_code == 403
    assert [one["body"] for one in (await client.get("/emulator/v1/sinks/crm/requests")).json()] == ["hello"]


async def test_no_page_of_another_site_fills_a_sink(client: httpx.AsyncClient) -> None:
    """A browser says whose page posts; a program that delivers webhooks says nothing."""
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for host in ("127.0.0.1:8700", "callmark:8700"):
            refused = await client.post("/emulator/v1/sinks/crm", content=b"x", headers={"Host": host} | foreign)
            assert refused.status_code == 403, (host, foreign)
    assert (await client.get("/emulator/v1/sinks/crm/requests")).json() == []


async def test_what_has_credentials_of_its_own_or_no_secrets_stays_open(client: httpx.AsyncClient) -> None:
    elsewhere = {"Host": "callmark:8700"}
    documents = ("/openapi.json", "/asyncapi.json", "/handset/openapi.json", "/emulator/openapi.json")
    paths = ("/healthz", "/docs", "/docs/emulator", *documents)
    answers = [(await client.get(path, headers=elsewhere)).status_code for path in paths]
    assert answers == [200] * len(paths)
    assert (await client.get("/v2/clients/x/status", headers=elsewhere)).status_code == 404


async def test_without_the_emulator_nothing_is_guarded(deps: Deps) -> None:
    app = build_app(deps, HTTP_ROLES)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as client:
        assert (await client.get("/console/sign-in", headers={"Host": "anything.example"})).status_code == 200


async def test_no_websocket_opens_for_a_page_of_another_site(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    async with emulated(deps, tmp_path) as emulator:
        await emulator.make("919811110077")
        token = await _token_of(emulator, "919811110077")
        with pytest.raises(InvalidStatus) as refused:
            await _open(emulator, token, "https://evil.example")
        assert refused.value.response.status_code == 403
        assert await _open(emulator, token, f"http://127.0.0.1:{emulator.port}") == "welcome"


async def _token_of(emulator: Emulated, phone: str) -> str:
    async with emulator.deps.db.connection() as tx:
        return str(await tx.fetchval("SELECT token FROM virtual_handset WHERE phone_number = $1", phone))


async def _open(emulator: Emulated, token: str, origin: str) -> str:
    offered = [Subprotocol("callmark.v1"), Subprotocol(f"bearer.{token}")]
    url = f"ws://127.0.0.1:{emulator.port}/handset/v1/stream"
    async with connect(url, subprotocols=offered, additional_headers={"Origin": origin}, proxy=None) as stream:
        return str(json.loads(await stream.recv())["type"])
