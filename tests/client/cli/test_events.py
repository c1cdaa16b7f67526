"""Events that are printed, forwarded and made; logs that are downloaded."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.client.cli.conftest import Commands
from tests.client.conftest import Platform
from tests.listed import Listed, make_listed, ring
from tests.surfaces.emulator.running import farming
from tests.waiting import Growing

from callmark.client import webhooks
from callmark.client.cli.logs import read_day
from callmark.client.events import CallMeBackEvent
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.kit.ids import random_uuid
from callmark.processes.http import open_socket

HANDSET = "919900000055"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """A program that takes webhooks."""

    port: int
    status: int = 200
    requests: Growing[tuple[dict[str, str], bytes]] = field(default_factory=Growing[tuple[dict[str, str], bytes]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """A receiver on a free port."""
    sock = open_socket("127.0.0.1", 0)
    receiver = Receiver(sock.getsockname()[1])
    async with await asyncio.start_server(receiver.serve, sock=sock):
        yield receiver


async def listed(platform: Platform) -> Listed:
    """A number of the account whose calls offer a callback."""
    return await make_listed(platform.deps, account_id=platform.cast.account.id)


async def ask_back(platform: Platform, number: Listed) -> None:
    """Someone missed a call, and says that nobody needs to call back."""
    receiver, _ = await ring(platform.deps, number)
    await callbacks.request(
        platform.deps, receiver, NewCallbackRequest(random_uuid(), number.number, is_interested=False)
    )


async def test_events_are_printed_from_any_number_on(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    for _ in range(3):
        await ask_back(platform, number)
    done = await commands.run("events", "tail", "--after", "1", "--no-wait", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["number"] for line in lines] == [2, 3]
    assert lines[0]["event"]["cmb_payload"]["business_number"] == number.number
    told = await commands.run("events", "tail", "--after", "0", "--no-wait")
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["1", "2", "3"]
    assert "do not call back" in told.stdout
    assert (await commands.run("events", "tail", "--no-wait")).stdout == ""


async def test_a_tail_prints_what_comes(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    await ask_back(platform, number)
    process = await commands.start("events", "tail", "--after", "0")
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"1 ")
    await ask_back(platform, number)
    async with asyncio.timeout(60):
        assert (await process.stdout.readline()).startswith(b"2 ")
    process.terminate()
    await process.communicate()


async def test_events_reach_a_program_here_signed_and_unchanged(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    await ask_back(platform, number)
    [logged] = json.loads(f"[{(await commands.run('events', 'tail', '--after', '0', '--no-wait', '--json')).stdout}]")
    async with receiving() as receiver:
        words = ("listen", "--forward-to", receiver.url, "--after", "0", "--no-wait")
        done = await commands.run(*words, "--secret", SECRET)
        assert (done.exit_code, f"Signing secret: {SECRET}" in done.stderr) == (0, True)
        assert "-> 200" in done.stdout
        [(headers, body)] = receiver.requests
        event = webhooks.unwrap(body, headers, secret=SECRET)
        assert isinstance(event, CallMeBackEvent)
        assert (event.raw, headers["webhook-id"]) == (logged["event"], event.event_id)
        receiver.status = 503
        refused = await commands.run(*words, "--json")
        assert json.loads(refused.stdout)["status"] == 503
    gone = await commands.run(*words)
    assert "Again: --after 0" in gone.stderr
    for wrong in (("--forward-to", "localhost:1"), ("--forward-to", "http://localhost:1", "--secret", "whsec_?")):
        assert (await commands.run("listen", *wrong)).exit_code == 2


async def test_trigger_makes_a_handset_answer(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    async with farming(platform.deps):
        await platform.emulator.make(HANDSET)
        done = await commands.run("trigger", "call-me-back", "--receiver", HANDSET, "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["business_number"] == number.number
        silent = await commands.run("trigger", "feedback", "--receiver", HANDSET)
        assert (silent.exit_code, "no live campaign asks after answered calls" in silent.stderr) == (2, True)
    told = await commands.run("events", "tail", "--after", "0", "--no-wait")
    assert "call back" in told.stdout


async def test_trigger_says_what_is_missing(commands: Commands) -> None:
    nothing = await commands.run("trigger", "call-me-back")
    assert (nothing.exit_code, "no listed number" in nothing.stderr) == (2, True)
    refused = await commands.run("trigger", "feedback", "--caller", "918040001234", "--receiver", "919900000077")
    assert refused.exit_code == 3
    assert "HTTP" in refused.stderr  # no handsets' process runs


async def test_logs_are_downloaded_to_standard_output_or_a_file(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    today = platform.deps.clock.now().date()
    days = ("--from", str(today - timedelta(days=1)), "--to", str(today))
    assert (await commands.run("logs", "call-me-back", *days)).exit_code == 3
    await ask_back(platform, number)
    shown = await commands.run("logs", "call-me-back", *days)
    assert shown.exit_code == 0, shown.stderr
    [row] = csv.DictReader(io.StringIO(shown.stdout))
    assert row["business_number"] == number.number
    file = commands.home / "log.csv"
    saved = await commands.answer("logs", "call-me-back", *days)
    assert saved == [row]
    await commands.run("logs", "call-me-back", *days, "-o", file)
    assert file.read_bytes() == shown.stdout_bytes
    assert (await commands.run("logs", "feedback", random_uuid(), "--since", "soon")).exit_code == 2


@pytest.mark.parametrize(
    ("text", "is_end", "instant"),
    [
        ("2026-01-31", False, "2026-01-31T00:00:00+05:30"),
        ("2026-01-31", True, "2026-01-31T18:29:59.999000+00:00"),
        ("2026-01-31T18:00", True, "2026-01-31T18:00:00+05:30"),
        ("2026-01-31T18:00Z", False, "2026-01-31T18:00:00+00:00"),
    ],
)
def test_days_and_instants(text: str, is_end: bool, instant: str) -> None:  # noqa: FBT001 - a parameter
    assert read_day(text, "Asia/Kolkata", is_end=is_end).isoformat() == instant
