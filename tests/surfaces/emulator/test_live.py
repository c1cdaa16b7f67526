"""What pages get and send: events of a handset over the real fabric, gestures to the real farm and the real gateway."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.factories import make_cast, phone
from tests.listed import Listed, bodies, make_listed, offer_everything
from tests.surfaces.emulator.running import Emulated, emulated, farming, free_port, serving
from tests.surfaces.gateway.helpers import CALLER, push
from websockets.asyncio.client import connect

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.kit.clock import FakeClock, to_ms
from callmark.kit.ids import new_id
from callmark.surfaces.emulator.handset import REPLACED
from callmark.surfaces.emulator.live import MOST_STREAMS
from callmark.worker.run import prepare

STRANGER = "918049998888"
SLOT = "2026-01-03T11:00:00+05:30"


class Screen:
    """A page: the newest event of each name."""

    def __init__(self, lines: AsyncGenerator[str]) -> None:
        self._lines = lines
        self.seen: dict[str, Any] = {}
        self.is_over = False

    async def until(self, holds: Callable[["Screen"], bool]) -> "Screen":
        """Itself, once what it shows is so."""
        async with asyncio.timeout(20):
            while not holds(self):
                await self._next()
        return self

    async def end(self) -> None:
        """Returns when the stream has ended."""
        async with asyncio.timeout(20):
            async for _ in self._lines:
                pass

    async def _next(self) -> None:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.seen |= {"last": name, name: json.loads(line.removeprefix("data: "))}
                return
        raise AssertionError("the stream has ended")

    @property
    def handset(self) -> dict[str, Any]:
        shown = self.seen.get("handset", {})
        return shown | shown.get("glimpse", {})

    @property
    def outcome(self) -> str | None:
        """How the call on the screen ended; `ringing` while it does, None without one."""
        call = self.handset.get("call")
        return call and (call["outcome"] or "ringing")

    @property
    def caller(self) -> str | None:
        """Who has the screen."""
        call = self.handset.get("call")
        return call and call["caller"]

    @property
    def step(self) -> str | None:
        after = self.handset.get("after")
        return after and after["step"]


@asynccontextmanager
async def watching(emulator: Emulated, number: str = "", *, url: str = "") -> AsyncGenerator[Screen]:
    """A page of the handset, or the wall; in another HTTP process where `url` says so."""
    path = f"{url}/emulator/live/{number}".rstrip("/")
    async with emulator.http.stream("GET", path) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        yield Screen(lines)  # type: ignore[arg-type] - httpx's is a generator


async def gesture(emulator: Emulated, number: str, act: str, **more: object) -> str | None:
    """What the person must correct first."""
    answer = await emulator.http.post(f"/emulator/live/{number}", json={"act": act, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["problem"]


async def test_a_page_begins_with_everything_and_follows_what_the_handset_shows(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number, script={"ack_delay_s": 0.1})
    await push(emulator.deps, cast, number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "online")
        assert [one["name"] for one in page.handset["held"]] == ["Acme Deliveries"]
        assert page.handset["script"] == {"ack_delay_s": 0.1}
        await emulator.change(number, online=False)
        await page.until(lambda page: page.handset["status"] == "offline")
        await push(emulator.deps, cast, number, caller=STRANGER)
        await emulator.change(number, online=True)
        await page.until(lambda page: page.handset["memory"]["held"] == 2 and page.handset["status"] == "online")


async def test_pages_of_two_processes_show_the_same_call_and_either_may_act(emulator: Emulated) -> None:
    cast, number, port = await make_cast(emulator.deps), phone(), free_port()
    await emulator.make(number)
    record = await push(emulator.deps, cast, number)
    elsewhere = f"http://127.0.0.1:{port}"
    async with (
        serving(emulator.deps, port),
        watching(emulator, number) as here,
        watching(emulator, number, url=elsewhere) as there,
    ):
        assert await gesture(emulator, number, "ring", caller=f"+{CALLER}") is None
        for page in (here, there):
            await page.until(lambda page: page.outcome == "ringing")
            assert page.handset["call"]["screen"]["name"] == "Acme Deliveries"
        call = there.handset["call"]["id"]
        body = {"act": "answer", "call": call}
        assert (await emulator.http.post(f"{elsewhere}/emulator/live/{number}", json=body)).json() == {"problem": None}
        for page in (here, there):
            await page.until(lambda page: page.outcome == "answered")
        await gesture(emulator, number, "hang_up", call=call)
        for page in (here, there):
            await page.until(lambda page: page.outcome is None)
            assert [one["outcome"] for one in page.handset["history"]] == ["answered"]
    (reported,) = await calls.calls_of_record(emulator.deps, record.key.id)
    assert (reported.shown_at is not None, reported.outcome) == (True, CallEvent.ANSWERED)


async def test_a_gesture_about_a_call_that_is_over_does_nothing(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset))
        for act in ("answer", "reject", "hang_up", "call_me_back", "feedback", "skip"):
            assert await gesture(emulator, number, act, call=str(new_id())) is None
        await gesture(emulator, number, "ring", caller=STRANGER)
        await page.until(lambda page: page.outcome == "ringing")
        await gesture(emulator, number, "answer", call=str(new_id()))
        await gesture(emulator, number, "hang_up", call=page.handset["call"]["id"])
        await gesture(emulator, number, "reject", call=page.handset["call"]["id"])
        await page.until(lambda page: page.outcome == "rejected")
    assert await gesture(emulator, number, "ring", caller="12") == (
        "Enter the caller's number with its country code, 7 to 15 digits in total."
    )


async def test_a_call_that_nobody_touches_rings_out_and_a_newer_one_takes_the_screen(
    deps: Deps, tmp_path: Path
) -> None:
    await prepare(deps)
    number = phone()
    async with emulated(deps, tmp_path, farm=False) as emulator, farming(emulator.deps, rings_out_s=1):
        await emulator.make(number)
        async with watching(emulator, number) as page:
            await page.until(lambda page: bool(page.handset))
            for caller in (STRANGER, CALLER):
                await gesture(emulator, number, "ring", caller=caller)
                await page.until(lambda page, caller=caller: page.caller == caller)
            await page.until(lambda page: page.outcome == "missed")
            await page.until(lambda page: page.outcome is None)
        assert [(one["caller"], one["outcome"]) for one in page.handset["history"]] == [
            (CALLER, "missed"),
            (STRANGER, "missed"),
        ]


async def missed(emulator: Emulated, page: Screen, number: str, listed: Listed) -> str:
    """The id of a call from a listed number that was rejected, once the screen offers something."""
    await gesture(emulator, number, "ring", caller=listed.number)
    await page.until(lambda page: page.outcome == "ringing")
    call = str(page.handset["call"]["id"])
    await gesture(emulator, number, "reject", call=call)
    await page.until(lambda page: page.step is not None)
    return call


async def test_what_is_said_after_a_call_goes_step_by_step_on_every_page(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    campaign = await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    async with watching(emulator, number) as page, watching(emulator, number) as other:
        call = await missed(emulator, page, number, listed)
        assert page.handset["after"]["slots"][0] == SLOT
        for wrong, problem in (
            ({}, "Choose a time first."),
            ({"slot": "soon"}, "That time is no longer available. Choose another one."),
            (
                {"slot": SLOT, "alternate_number": "12"},
                "Enter the other number with its country code, 7 to 15 digits in total.",
            ),
        ):
            assert await gesture(emulator, number, "call_me_back", call=call, **wrong) == problem
        alternate = "+91 99001 12233"
        assert await gesture(emulator, number, "call_me_back", call=call, slot=SLOT, alternate_number=alternate) is None
        for shown in (page, other):
            await shown.until(lambda shown: shown.step == "feedback")
            assert shown.handset["after"]["thanks"] == "You will be called back on Saturday, January 3 at 11:00."
        assert await gesture(emulator, number, "call_me_back", call=call, slot=SLOT) is None
        answers = [{"question_id": str(campaign.questions[0].id), "answer": "  "}]
        problem = "Answer a question first."
        assert await gesture(emulator, number, "feedback", call=call, answers=answers) == problem
        answers = [{"question_id": str(campaign.questions[0].id), "answer": "Yes"}]
        assert await gesture(emulator, number, "feedback", call=call, answers=answers) is None
        await other.until(lambda shown: shown.step == "thanks")
        await gesture(emulator, number, "skip", call=call, step="thanks")
        await other.until(lambda shown: shown.step is None)
    asked, answered = await bodies(emulator.deps, listed.account_id)
    assert '"alternate_number":"919900112233"' in asked
    assert '"answer":"Yes"' in answered


async def test_a_call_that_no_page_showed_is_in_the_history_and_offers_nothing(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    shown = await emulator.call(number, listed.number, "rejected")
    assert shown["offers"]["call_me_back"] is True
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.outcome == "rejected")
        await page.until(lambda page: page.outcome is None)
        assert (page.step, [one["outcome"] for one in page.handset["history"]]) == (None, ["rejected"])


async def test_a_step_is_skipped_once_however_many_pages_skip_it(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    async with watching(emulator, number) as page:
        call = await missed(emulator, page, number, listed)
        for _ in range(2):
            await gesture(emulator, number, "skip", call=call, step="callback")
        await page.until(lambda page: page.step == "feedback")
    assert await bodies(emulator.deps, listed.account_id) == []


async def test_a_page_says_that_the_number_was_registered_elsewhere_and_signs_in_again(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "online")
        _, credential = await handsets.create_app(emulator.deps, "Another app")
        await handsets.register(emulator.deps, credential, number, OS.ANDROID, "4.2.0")
        await page.until(lambda page: page.handset["status"] == "signed-out")
        assert page.handset["reason"] == "its number was registered on another device"
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
        pushed = [await push(emulator.deps, cast, number, caller=caller) for caller in (CALLER, STRANGER)]
        assert [record.outcome for record in pushed] == ["success", "failed_to_push"]
        await page.until(lambda page: len(page.handset["held"]) == 1)


async def test_a_page_stays_while_the_app_is_installed_again(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    await push(emulator.deps, cast, number)
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
    async with httpx.AsyncClient(base_url=emulator.http.base_url, trust_env=False, limits=limits, timeout=20) as http:
        path = f"/emulator/live/{number}"
        opened = [await http.send(http.build_request("GET", path), stream=True) for _ in range(MOST_STREAMS)]
        assert {one.status_code for one in opened} == {200}
        assert (await http.get(path)).status_code == 503
        for one in opened:
            await one.aclose()
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset))


async def test_a_page_that_reads_nothing_holds_nobody_up(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port, limit=1024)
    writer.write(f"GET /emulator/live/{number} HTTP/1.1\r\nHost: 127.0.0.1:{emulator.port}\r\n\r\n".encode())
    await reader.readline()
    async with watching(emulator, number) as page:
        for at in range(30):
            assert (await push(emulator.deps, cast, number, caller=f"9180400{at:05d}")).outcome == "success"
        await page.until(lambda page: page.handset.get("memory", {}).get("held") == 30)
        shown = await emulator.call(number, "918040000007", "missed")
        assert shown["name"] == "Acme Deliveries"
    writer.close()


def test_the_docs_show_the_example_client() -> None:
    root = Path(__file__).parents[3]
    script = (root / "src/callmark/surfaces/static/emulator/client.js").read_text()
    assert f"```js\n{script}```\n" in (root / "docs/gateway.md").read_text()


@pytest.mark.parametrize("number", ["12x", "%00"])
async def test_what_is_no_number_has_no_page(emulator: Emulated, number: str) -> None:
    assert (await emulator.http.get(f"/emulator/live/{number}")).status_code == 400
    assert (await emulator.http.post(f"/emulator/live/{number}", json={"act": "ring"})).status_code == 400
