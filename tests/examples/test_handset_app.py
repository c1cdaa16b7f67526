"""The reference client of the handset gateway, in Node.js: a sleeping app on a phone that the test plays."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.examples.running import EXAMPLES
from tests.support.factories import Cast, make_cast, phone
from tests.support.listed_number import make_listed, offer_everything
from tests.support.markdown import blocks
from tests.support.waiting import until
from tests.surfaces.emulator.running import Emulated, emulated
from tests.surfaces.gateway.helpers import CALLER, push, push_patiently, push_to_sleeper

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.policy.model import SYSTEM
from callmark.processes.worker import prepare, run_worker

NODE = EXAMPLES.parent / "tools/node.sh"
STREAMS = "--experimental-websocket"
"""Gives versions 20 and 21 of Node.js the WebSocket that later ones have anyway."""


_PAGE = EXAMPLES.parent / "docs/handset-app.md"
_SOURCES = {"js": EXAMPLES / "handset_app/app.js", "kotlin": EXAMPLES / "handset_app/android/App.kt"}


@pytest.mark.parametrize("language", _SOURCES)
def test_the_guide_shows_parts_of_the_app(language: str) -> None:
    shown = [block.text.split() for block in blocks(_PAGE) if block.language == language]
    source = " ".join(_SOURCES[language].read_text().split())
    assert shown
    assert [" ".join(words) for words in shown if " ".join(words) not in source] == []


async def test_what_a_slow_network_or_a_busy_gateway_refuses_is_sent_again() -> None:
    passes = {0: True, 400: False, 404: False, 408: True, 409: False, 429: True, 503: True}
    script = f"""
        import {{ Refused }} from "{(EXAMPLES / "handset_app/gateway.js").as_uri()}";
        const passes = {list(passes)}.map((status) => [status, new Refused(status, "").isPassing]);
        console.log(JSON.stringify(Object.fromEntries(passes)));
    """
    process = await asyncio.create_subprocess_exec(
        *(NODE, "--input-type=module", "--eval", script),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert json.loads(said) == {str(status): each for status, each in passes.items()}


class Phone:
    """A running phone.js: lines go in, events come out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, line: str) -> dict[str, Any]:
        """Types a line; what it showed, or that it is done."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        shown = await self.next("rings") if line.startswith("call ") else {}
        return await self.next("done") | shown

    async def next(self, event: str) -> dict[str, Any]:
        """The next event of that name."""
        assert self._process.stdout
        async with asyncio.timeout(60):
            while line := await self._process.stdout.readline():
                told = json.loads(line)
                assert told["event"] not in {"failed", "trouble", "unknown"}, told
                if told["event"] == event:
                    return told
        raise AssertionError(f"the phone ended before {event}")


@asynccontextmanager
async def running_phone(emulator: Emulated, number: str, *, streams: bool) -> AsyncGenerator[Phone]:
    _, app_key = await handsets.create_app(emulator.deps, f"App of {number}", by=SYSTEM)
    environ = os.environ | {"BASE_URL": emulator.deps.public_url, "APP_KEY": app_key, "PHONE": number}
    process = await asyncio.create_subprocess_exec(
        *(NODE, *([STREAMS] if streams else []), EXAMPLES / "handset_app/phone.js"),
        env=environ | {"STAYS_MS": "6000" if streams else "1500"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Phone(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """A platform with a push service and a worker, which wakes apps."""
    await prepare(deps)
    async with emulated(deps, tmp_path, farm=False, wakes=True) as running:
        task = asyncio.create_task(run_worker(running.deps))
        yield running
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def received(emulator: Emulated, cast: Cast, record: StoredRecord) -> None:
    """Returns once the phone has acknowledged it, in time or late."""

    async def is_success() -> bool:
        found = await personalisation.get_record(emulator.deps, cast.account.id, record.key.id)
        return found.outcome is Outcome.SUCCESS

    await until(is_success)


async def knows_streams() -> bool:
    """Whether the Node.js of this machine knows the option; without it the app uses plain HTTP."""
    process = await asyncio.create_subprocess_exec(NODE, "--version", stdout=asyncio.subprocess.PIPE)
    version, _ = await process.communicate()
    return int(version.decode().removeprefix("v").partition(".")[0]) >= 20


async def test_the_app_keeps_its_reports_while_its_token_has_ended(emulator: Emulated) -> None:
    deps, number = emulator.deps, phone()
    cast = await make_cast(deps)
    async with running_phone(emulator, number, streams=False) as app:
        await app.next("registered")
        record = await push_to_sleeper(deps, cast, number)
        await received(emulator, cast, record)
        await app.next("asleep")
        await handsets.forget_number(deps, number, by=SYSTEM)
        await app.do(f"call {CALLER}")
        await app.do("missed")
        assert await calls.calls_of_record(deps, record.key) == []
        await app.do("register")
        (call,) = await calls.calls_of_record(deps, record.key)
        assert (call.shown_at is not None, call.outcome) == (True, CallEvent.MISSED)


async def test_the_app_drops_what_it_holds_when_its_number_is_registered_elsewhere(emulator: Emulated) -> None:
    if not await knows_streams():
        pytest.skip("this Node.js has no WebSocket, and plain HTTP does not tell")
    deps, number = emulator.deps, phone()
    cast = await make_cast(deps)
    async with running_phone(emulator, number, streams=True) as app:
        await app.next("registered")
        record = await push_patiently(deps, cast, number, within_s=30)
        await app.next("woken")
        await received(emulator, cast, record)
        _, app_key = await handsets.create_app(deps, "Another app", by=SYSTEM)
        await handsets.register(deps, app_key, number, OS.ANDROID, "4.2.0")
        assert (await app.next("asleep"))["held"] == 0


@pytest.mark.parametrize("way", ["http", "stream"])
async def test_the_app_is_woken_shows_who_calls_reports_and_asks_to_be_called_back(
    emulator: Emulated, way: str
) -> None:
    deps, number = emulator.deps, phone()
    cast = await make_cast(deps)
    listed = await make_listed(deps)
    await offer_everything(deps, listed)
    streams = way == "stream" and await knows_streams()
    async with running_phone(emulator, number, streams=streams) as app:
        await app.next("registered")
        record = await (push_patiently if streams else push_to_sleeper)(deps, cast, number)
        assert (await app.next("woken"))["by"] in ({"stream"} if streams else {"http", "stream"})
        await received(emulator, cast, record)
        assert (await app.next("asleep"))["held"] == 1
        shown = await app.do(f"call {CALLER}")
        assert (shown["name"], shown["reason"], shown["source"]) == (
            "Acme Deliveries",
            "Your parcel arrives today",
            "call_record",
        )
        await app.do("missed")
        (call,) = await calls.calls_of_record(deps, record.key)
        assert (call.shown_at is not None, call.outcome) == (True, CallEvent.MISSED)
        assert (await app.do("call 918049998888"))["name"] is None
        await app.do("rejected")

        async def shows_the_listing() -> bool:  # the app waits for a second, and for that call no longer
            shown = await app.do(f"call {listed.number}")
            await app.do("missed")
            return shown["source"] == "listed_number"

        await until(shows_the_listing)
        await app.do("back")
        async with deps.db.connection() as tx:
            asked = await tx.fetchval("SELECT count(*) FROM callback_request WHERE receiver_number = $1", number)
        assert asked == 1
        await app.do("forget")
    assert (await push(deps, cast, number)).outcome is Outcome.NOT_REGISTERED
