"""What pages get and send: events of a handset over the real fabric, gestures to the real farm and the real gateway."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message, Send
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import Growing
from tests.surfaces.emulator.running import NO_TLS, ROLES, Emulated, emulated, farming, serving
from tests.surfaces.emulator.watching import gesture, watching
from tests.surfaces.gateway.helpers import CALLER, push, push_patiently
from websockets.asyncio.client import connect

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.errors import NotFound
from callmark.kit.tasks import end
from callmark.processes.worker import prepare
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.handsets import farm_api, farm_screens
from callmark.surfaces.emulator.handsets.close_codes import REPLACED
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.pages.live_screens import MOST_STREAMS, Live

STRANGER = "918049998888"


async def test_a_page_begins_with_everything_and_follows_what_the_handset_shows(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number, script={"ack_delay_s": 0.1})
    await push_patiently(emulator.deps, cast, number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "online")
        assert [one["name"] for one in page.handset["held"]] == ["Acme Deliveries"]
        assert page.handset["script"] == {"ack_delay_s": 0.1}
        await emulator.change(number, online=False)
        await page.until(lambda page: page.handset["status"] == "offline")
        await push(emulator.deps, cast, number, caller=STRANGER)
        await emulator.change(number, online=True)
        await page.until(lambda page: page.handset["memory"]["held"] == 2 and page.handset["status"] == "online")


async def test_the_wall_shows_more_handsets_than_one_message_holds(
    emulator: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm_screens, "SURVEYED_AT_ONCE", 3)
    made = [phone() for _ in range(4)]
    for number in made:
        await emulator.make(number)
    every = sorted([magic.handset.phone_number for magic in MAGIC] + made)
    async with watching(emulator) as wall:
        await wall.until(lambda wall: [one["phone_number"] for one in wall.seen.get("handsets", [])] == every)


async def test_a_page_says_that_the_number_was_registered_elsewhere_and_signs_in_again(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "online")
        _, credential = await handsets.create_app(emulator.deps, "Another app", by=SYSTEM)
        await handsets.register(emulator.deps, credential, number, OS.ANDROID, "4.2.0")
        await page.until(lambda page: page.handset["status"] == "signed-out")
        assert page.handset["reason"] == "its number was registered on another device"
        await gesture(emulator, number, "sign_in")
        await page.until(lambda page: page.handset["status"] == "online")


async def test_a_signed_out_handset_stays_so_over_changes_and_restarts_until_it_signs_in(
    deps: Deps, tmp_path: Path
) -> None:
    await prepare(deps)
    number = phone()
    async with emulated(deps, tmp_path, farm=False) as emulator:
        async with farming(emulator.deps), watching(emulator, number) as page:
            await emulator.make(number)
            _, credential = await handsets.create_app(emulator.deps, "Another app", by=SYSTEM)
            await handsets.register(emulator.deps, credential, number, OS.ANDROID, "4.2.0")
            await page.until(lambda page: page.handset.get("status") == "signed-out")
            await emulator.change(number, online=False)
            await emulator.change(number, online=True)
        async with farming(emulator.deps), watching(emulator, number) as page, watching(emulator, "919900000011") as no:
            await page.until(lambda page: page.handset.get("status") == "signed-out")
            await no.until(lambda no: no.handset.get("status") == "unregistered")
            await gesture(emulator, number, "sign_in")
            await page.until(lambda page: page.handset["status"] == "online")


async def test_a_page_says_that_another_stream_has_its_token_and_takes_it_back(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    async with emulator.deps.db.connection() as tx:
        token = await tx.fetchval("SELECT token FROM virtual_handset WHERE phone_number = $1", number)
    stream = f"ws://127.0.0.1:{emulator.port}/handset/v1/stream"
    headers = {"Authorization": f"Bearer {token}"}
    async with watching(emulator, number) as page, connect(stream, additional_headers=headers, proxy=None) as other:
        await page.until(lambda page: page.handset.get("status") == "taken")
        assert page.handset["reason"] == "another stream with its token replaced it"
        await gesture(emulator, number, "sign_in")
        await page.until(lambda page: page.handset["status"] == "online")
        await other.wait_closed()
        assert other.close_code == REPLACED


async def test_faults_for_all_handsets_reach_one_whose_page_is_open(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "online")
        await emulator.http.put("/emulator/v1/faults", json={"drop_every": 2})
        assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS
        assert (await push(emulator.deps, cast, number, caller=STRANGER)).outcome is Outcome.FAILED_TO_PUSH
        await page.until(lambda page: len(page.handset["held"]) == 1)


async def test_a_page_stays_while_the_app_is_installed_again(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    await push_patiently(emulator.deps, cast, number)
    await emulator.call(number, CALLER, "missed")
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset.get("history")))
        await emulator.make(number, app_version="5.0.0")
        await page.until(lambda page: page.handset["app_version"] == "5.0.0")
        assert page.handset["history"] == []
        assert "gone" not in page.seen


async def test_a_page_without_a_farm_says_so_and_recovers(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    number = phone()
    async with emulated(deps, tmp_path, farm=False) as emulator:
        async with farming(emulator.deps):
            await emulator.make(number)
        async with watching(emulator, number) as page, watching(emulator) as wall:
            for shown in (page, wall):
                await shown.until(lambda shown: shown.seen.get("away") == "their process does not answer")
            async with farming(emulator.deps):
                await page.until(lambda page: page.handset.get("status") == "online")
                await wall.until(lambda wall: any(o["phone_number"] == number for o in wall.seen.get("handsets", [])))
            await page.until(lambda page: page.seen["last"] == "away")


async def test_a_page_says_that_its_handset_is_gone_and_shows_a_new_one(emulator: Emulated) -> None:
    number = phone()
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.seen.get("gone") == f"no virtual handset has the number {number}")
        await emulator.make(number)
        await page.until(lambda page: bool(page.handset))
        await emulator.http.delete(f"/emulator/v1/handsets/{number}")
        await page.until(lambda page: page.seen["gone"] == "this handset was removed")


async def test_pages_learn_that_the_clock_was_moved(emulator: Emulated, clock: FakeClock) -> None:
    number = phone()
    await emulator.make(number)
    async with watching(emulator, number) as page, watching(emulator) as wall:
        for shown in (page, wall):
            await shown.until(lambda shown: shown.seen.get("clock") == to_ms(clock.now()))
        clock.advance(timedelta(hours=1))
        await emulator.http.post("/emulator/v1/clock", json={"advance_s": 3600})
        for shown in (page, wall):
            await shown.until(lambda shown: shown.seen["clock"] == to_ms(clock.now()))


async def test_streams_end_at_once_when_their_server_stops(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    number = phone()
    async with emulated(deps, tmp_path, serve=False, farm=False) as emulator:
        async with serving(emulator.deps, emulator.port), farming(emulator.deps):
            await emulator.make(number)
            opened = [watching(emulator, number) for _ in range(3)]
            pages = [await one.__aenter__() for one in opened]
            for page in pages:
                await page.until(lambda page: bool(page.handset))
            ending = [asyncio.create_task(page.end()) for page in pages]
        await asyncio.gather(*ending)  # as whole answers, not cut: httpx would say so
        for one in opened:
            await one.__aexit__(None, None, None)


async def test_a_process_has_room_for_so_many_streams_and_has_it_again_when_they_end(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=emulator.http.base_url, verify=NO_TLS, trust_env=False, limits=limits, timeout=60
    ) as http:
        path = f"/emulator/live/{number}"
        opened = [await http.send(http.build_request("GET", path), stream=True) for _ in range(MOST_STREAMS)]
        assert {one.status_code for one in opened} == {200}
        assert (await http.get(path)).status_code == 503
        for one in opened:
            await one.aclose()
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset))


async def test_a_page_that_reads_nothing_holds_nobody_up(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    app = build_app(emulator.deps, ROLES)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "path": f"/emulator/live/{number}",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    never, is_stuck = asyncio.Event(), asyncio.Event()
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive() -> Message:
        await never.wait()
        return {"type": "http.disconnect"}

    async def send_to_stuck(_: Message) -> None:
        is_stuck.set()
        await never.wait()

    async def send(message: Message) -> None:
        sent.put_nowait(message.get("body", b""))

    async def stream(send: Send) -> None:
        await app({**scope}, receive, send)

    streams = [asyncio.create_task(stream(one)) for one in (send_to_stuck, send)]
    await is_stuck.wait()
    await emulator.change(number, script={"rejects": True})
    async with asyncio.timeout(60):
        while b'"rejects":true' not in await sent.get():
            pass
    await end(streams)


def test_the_docs_show_the_example_client() -> None:
    root = Path(__file__).parents[4]
    script = (root / "src/callmark/surfaces/static/emulator/client.js").read_text()
    assert f"```js\n{script}```\n" in (root / "docs/gateway.md").read_text()


async def test_what_is_no_number_has_no_page(emulator: Emulated) -> None:
    for number in ("12x", "%00"):
        assert (await emulator.http.get(f"/emulator/live/{number}")).status_code == 400, number
        ring = await emulator.http.post(f"/emulator/live/{number}", json={"act": "ring"})
        assert ring.status_code == 400, number


async def test_the_farm_is_asked_no_more_when_the_last_page_leaves_as_it_answers(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`asyncio.wait_for` gives an answer that has come, and drops the cancellation that came with it (Python 3.11)."""
    asked = Growing[str]()

    async def ask(*_: object) -> None:
        asked.append("what shows")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if len(asked) > 1:
                raise
        raise NotFound

    monkeypatch.setattr(farm_api, "ask", ask)
    others = asyncio.all_tasks()
    page = await Live(deps).watch(Request({"type": "http", "path_params": {"phone": phone()}, "extensions": {}}))
    events: Any = page.body_iterator
    await anext(events)
    (feed,) = asyncio.all_tasks() - others
    await asked.until(lambda asked: len(asked) == 1)
    await events.aclose()
    again = asyncio.create_task(asked.until(lambda asked: len(asked) > 1))
    await asyncio.wait([feed, again], return_when=asyncio.FIRST_COMPLETED)
    is_over = feed.done()
    await end([feed, again])
    assert is_over
