"""The control API's own rules: the clock, bodies, errors, the first page."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.factories import make_cast, phone
from tests.support.openapi import check_answer
from tests.surfaces.emulator.running import JSON, Emulated, emulated

from callmark.domain.deps import Deps
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.heartbeats import LiveProcess, move_clock
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.control_api.faults import FaultsOut
from callmark.surfaces.emulator.control_api.wire import FaultsIn
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.pages.first_page import magic_lines
from callmark.surfaces.emulator.state_queries import Faults
from callmark.testing.emulator import Emulator


@pytest.fixture
async def api(deps: Deps, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """The control API alone, without a farm."""
    settings = msgspec.structs.replace(deps.settings, emulator=True, data=tmp_path)
    app = build_app(msgspec.structs.replace(deps, settings=settings), frozenset({"api"}))
    hooks = {"response": [check_answer]}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", event_hooks=hooks) as client:
        yield client


async def test_moving_the_clock_answers_with_the_new_time_and_has_made_its_days(deps: Deps, tmp_path: Path) -> None:
    clock = ProductClock(SystemClock())
    live = LiveProcess("test", deps.db, deps.fabric, clock, SystemClock())
    await live.start()
    try:
        async with emulated(msgspec.structs.replace(deps, clock=clock), tmp_path, farm=False) as emulator:
            before = await emulator.http.get("/emulator/v1/clock")
            moved = await emulator.http.post("/emulator/v1/clock", json={"advance_s": 20 * 86_400})
            others = [await emulator.http.get(path) for path in ("/healthz", "/clients/x/labels", "/nowhere")]
        assert moved.status_code == 200
        now = datetime.fromisoformat(moved.json()["now"])
        passed = now - datetime.fromisoformat(before.json()["now"])
        assert timedelta(days=20) <= passed < timedelta(days=20, minutes=1)
        assert clock.offset >= timedelta(days=20)
        for answer in others:
            assert now <= datetime.fromisoformat(answer.headers["callmark-clock"]) < now + timedelta(minutes=1)
        async with deps.db.connection() as tx:
            day = f"call_record_{now + timedelta(days=8):%Y%m%d}"
            assert await tx.fetchval("SELECT to_regclass($1) IS NOT NULL", day)
    finally:
        await move_clock(deps.db, deps.fabric, -clock.offset)
        await live.stop()


_CLOCKS: list[tuple[object, str]] = [
    ({"advance_s": 0}, "more than 0"),
    ({"advance_s": -5}, "more than 0"),
    ({"advance_s": 401 * 86_400}, "at most"),
    ({"advance_s": "7200"}, "advance_s is invalid"),
    ({"advance_s": True}, "advance_s is invalid"),
    ({}, "advance_s is required"),
    ({"advance_s": 1, "by": 2}, "known: advance_s"),
    ([], "must be a JSON object"),
]


async def test_a_clock_body_that_makes_no_sense_is_told_why(api: httpx.AsyncClient) -> None:
    assert [wrong for case in _CLOCKS for wrong in await _not_refused(api, "POST", "clock", *case)] == []


_HANDSETS: list[tuple[object, str]] = [
    ({}, "phone_number is required"),
    ({"phone_number": "12"}, "phone_number is not a valid phone number"),
    ({"phone_number": "919900112233", "os": "symbian"}, "os is invalid: 'symbian' is not one of android, ios"),
    ({"phone_number": "919900112233", "app_version": "new"}, "app_version is invalid"),
    ({"phone_number": "919900112233", "online": "yes"}, "online is invalid"),
    ({"phone_number": "919900112233", "colour": "red"}, "known: phone_number, os, app_version, online, script"),
    ({"phone_number": "919900112233", "script": {"dance": 1}}, "known: ack_delay_s, drop_every, drop_share"),
    ({"phone_number": "919900112233", "script": {"drop_every": -1}}, "script.drop_every is invalid"),
    ({"phone_number": "919900112233", "script": {"ack_delay_s": 1e9}}, "script.ack_delay_s is invalid"),
    ({"phone_number": "919900112233", "script": {"drop_share": 1.1}}, "script.drop_share is invalid"),
    ({"phone_number": "919900112233", "script": {"answers_after_rings": 11}}, "answers_after_rings is invalid"),
    ({"phone_number": "919900112233", "script": {"rejects": "yes"}}, "script.rejects is invalid"),
]


async def test_a_handset_body_that_makes_no_sense_is_told_what_is_known(api: httpx.AsyncClient) -> None:
    assert [wrong for case in _HANDSETS for wrong in await _not_refused(api, "POST", "handsets", *case)] == []


_CALLS: list[tuple[object, str]] = [
    ({"caller": "918040001234"}, "receiver is required"),
    ({"caller": "918040001234", "receiver": "919900000001", "outcome": "shown"}, "answered, missed, rejected"),
    ({"caller": "x", "receiver": "919900000001", "outcome": "missed"}, "caller is not a valid phone number"),
]


async def test_a_call_body_that_makes_no_sense_is_told_why(api: httpx.AsyncClient) -> None:
    assert [wrong for case in _CALLS for wrong in await _not_refused(api, "POST", "calls", *case)] == []


_SETTINGS: list[tuple[str, object, str]] = [
    (
        "faults",
        {"status": 418},
        "there is no error 418; the errors are: 400 invalid-input, 401 authorization-error",
    ),
    (
        "faults",
        {"status": 503, "slug": "forbidden-error"},
        "there is no error 503 forbidden-error; the errors are: 400",
    ),
    ("faults", {"slug": "teapot"}, "429 too-many-requests, 500 internal-server-error, 503 service-unavailable"),
    ("faults", {"count": 3}, "count needs a status or a slug"),
    ("faults", {"status": 500, "count": -1}, "count is invalid"),
    ("faults", {"status": True}, "status is invalid"),
    ("faults", {"latency_ms": 60_001}, "latency_ms is invalid"),
    ("faults", {"drop_every": 1.5}, "drop_every is invalid"),
    ("faults", {"chaos": 1}, "known: status, slug, count, latency_ms, drop_every"),
    ("faults", [], "must be a JSON object"),
    ("seed", {}, "seed is required"),
    ("seed", {"seed": "7"}, "seed is invalid"),
    ("seed", {"seed": 2**63}, "seed is invalid"),
    ("seed", {"seed": 7, "salt": 1}, "known: seed"),
]


async def test_faults_and_seeds_that_make_no_sense_are_told_what_is_known(api: httpx.AsyncClient) -> None:
    found: list[str] = []
    before = {path: (await api.get(f"/emulator/v1/{path}")).json() for path in ("faults", "seed")}
    for path, body, says in _SETTINGS:
        found += await _not_refused(api, "PUT", path, body, says)
        there = (await api.get(f"/emulator/v1/{path}")).json()
        if there != before[path]:
            found.append(f"{path} {body} changed it to {there}")
    assert found == []


async def test_what_faults_are_left_can_be_set_again(api: httpx.AsyncClient) -> None:
    left = (await api.get("/emulator/v1/faults")).json()
    assert left == {"status": None, "slug": None, "count": 0, "latency_ms": 0, "drop_every": 0}
    assert (await api.put("/emulator/v1/faults", json=left)).json() == left


def test_tests_of_integrators_ask_for_the_same_faults_as_the_control_api() -> None:
    """What the API's answers alone are about, virtual handsets need not hear of."""
    named = [name for name in signature(Emulator.fail).parameters if name != "self"]
    assert named == [*FaultsIn.__struct_fields__] == [*FaultsOut.__struct_fields__]
    assert Faults("invalid-input", 1, 2).of_handsets == Faults()
    assert Faults(drop_every=2).of_handsets == Faults(drop_every=2)


async def test_a_reset_has_one_option(api: httpx.AsyncClient) -> None:
    cases = [({"hard": True}, "unknown key hard in the body; known: to"), ({"to": "yesterday"}, "yesterday")]
    assert [wrong for case in cases for wrong in await _not_refused(api, "POST", "reset", *case)] == []


async def test_a_handsets_number_cannot_change(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    other = {"phone_number": "919900000001"}
    assert await _not_refused(emulator.http, "PATCH", f"handsets/{number}", other, "cannot change") == []
    assert (await emulator.change(number, phone_number=f"+{number}", online=True))["connected"] is True


async def test_other_faults_of_a_request_have_the_family_a_error(api: httpx.AsyncClient) -> None:
    async def ask(method: str, path: str, **more: Any) -> tuple[int, str]:
        answer = await api.request(method, f"/emulator/v1/{path}", **more)
        return answer.status_code, answer.json()["slug"]

    assert await ask("POST", "clock", content=b"{", headers=JSON) == (400, "invalid-input")
    assert await ask("POST", "clock", content=b"x" * 20_000) == (413, "payload-too-large")
    plain = {"Content-Type": "text/plain"}
    assert await ask("POST", "clock", content=b"{}", headers=plain) == (415, "unsupported-media-type")
    assert await ask("PUT", "handsets") == (405, "method-not-allowed")
    assert await ask("GET", "nothing") == (404, "not-found")
    assert await ask("GET", "handsets/919900000001/screen") == (400, "invalid-input")
    allowed = (await api.put("/emulator/v1/handsets")).headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


async def test_the_first_page_shows_accounts_and_magic_receivers_but_no_secret(
    deps: Deps, api: httpx.AsyncClient
) -> None:
    cast = await make_cast(deps)
    page = await api.get("/")
    assert page.status_code == 200
    assert str(cast.account.id) in page.text or page.text.count("client_account_id") == 20
    assert cast.api_key not in page.text
    assert "919900000016" in page.text
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert (await api.get("/static/emulator/page.css")).status_code == 200
    assert (await api.get("/static/../app.py")).status_code == 404


def test_the_page_lists_every_magic_receiver() -> None:
    lines = magic_lines()
    assert lines[0].number == "919900000001 to 0009"
    assert len(lines) == len(MAGIC) - 8
    assert lines[-2].ends_as == "success, then Failed to push"


async def test_outside_emulator_mode_there_is_no_emulator(deps: Deps) -> None:
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api", "gateway"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as http:
        for path in ("/", *(f"/emulator/v1/{name}" for name in ("clock", "handsets", "faults", "seed"))):
            assert (await http.get(path)).status_code == 404
        for method, name in (("PUT", "faults"), ("DELETE", "faults"), ("PUT", "seed"), ("POST", "reset")):
            assert (await http.request(method, f"/emulator/v1/{name}", json={})).status_code == 404


async def _not_refused(api: httpx.AsyncClient, method: str, path: str, body: object, says: str) -> list[str]:
    """What is wrong with the answer to a body that must be refused with those words."""
    answer = await api.request(method, f"/emulator/v1/{path}", content=msgspec.json.encode(body), headers=JSON)
    told = answer.json()
    if answer.status_code == 400 and told["slug"] == "invalid-input" and says in told["message"]:
        return []
    return [f"{method} {path} {body} is to be refused with {says!r}: {answer.status_code} {answer.text}"]
