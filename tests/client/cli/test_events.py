"""Events that are printed, forwarded and made; logs that are downloaded."""

import asyncio
import csv
import io
import json
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain, repeat

import click
import pytest
from msgspec import Raw, Struct, field
from tests.client.cli.conftest import KEY_OF_NOBODY, Commands
from tests.client.conftest import Platform
from tests.client.proxy import proxied
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, offer_everything, ring
from tests.support.waiting import Growing
from tests.surfaces.emulator.running import farming

from callmark.client import webhooks
from callmark.client.cli.events import told
from callmark.client.cli.following import FollowedEvent
from callmark.client.cli.logs import read_day
from callmark.client.events import CallMeBackEvent
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.events import service as events
from callmark.domain.events.model import KEPT, EventType
from callmark.kit.ids import random_uuid
from callmark.processes.ports import open_socket

HANDSET = "919900000055"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(Struct):
    """A program that takes webhooks."""

    port: int
    status: int = 200
    body: bytes = b""
    meanwhile: Callable[[int], Awaitable[object]] | None = None
    """Runs before each answer, with the count of requests so far."""
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
            if self.meanwhile:
                await self.meanwhile(len(self.requests))
            head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            writer.write(head % (self.status, len(self.body)) + self.body)
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


async def append(platform: Platform, count: int = 1) -> None:
    """Writes events that nobody's calls are behind."""
    account_id, now = platform.cast.account.id, platform.deps.clock.now()
    async with platform.deps.db.transaction() as tx:
        for _ in range(count):
            await events.append(tx, account_id, EventType.CALL_ME_BACK, {"is_interested": True}, now)


async def test_events_are_printed_from_any_number_on(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    for _ in range(3):
        await ask_back(platform, number)
    done = await commands.run("events", "tail", "--after", "1", "--no-wait", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["number"] for line in lines] == [2, 3]
    assert lines[0]["event"]["cmb_payload"]["business_number"] == number.number
    printed = await commands.run("events", "tail", "--after", "0", "--no-wait")
    assert [line.split()[0] for line in printed.stdout.splitlines()] == ["1", "2", "3"]
    assert "do not call back" in printed.stdout
    assert (await commands.run("events", "tail", "--no-wait")).stdout == ""


async def test_a_log_whose_events_are_all_too_old_ends_at_once(platform: Platform, commands: Commands) -> None:
    await ask_back(platform, await listed(platform))
    clock = platform.deps.clock
    assert isinstance(clock, FakeClock)
    clock.advance(KEPT)
    async with receiving() as receiver, proxied(platform.emulator.port) as proxy:
        for words in (("events", "tail"), ("listen", "--forward-to", receiver.url)):
            proxy.only, proxy.plan = b"/events?", chain(["pass"], repeat("refuse"))  # it asks once
            done = await commands.run(*words, "--after", "0", "--no-wait", "--base-url", proxy.url)
            assert (done.exit_code, done.stdout) == (0, ""), done.stderr


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
        assert (done.exit_code, SECRET in done.output) == (0, False)  # who gave it knows it
        assert "-> 200" in done.stdout
        [(headers, body)] = receiver.requests
        event = webhooks.unwrap(body, headers, secret=SECRET)
        assert isinstance(event, CallMeBackEvent)
        assert (event.raw, headers["webhook-id"]) == (logged["event"], event.event_id)
        receiver.status = 503
        both = {"CALLMARK_WEBHOOK_SECRET": f"{SECRET},whsec_b2xk\n"}  # while it is rotated
        refused = await Commands(commands.home, {**commands.variables, **both}).run(*words, "--json")
        assert (refused.exit_code, json.loads(refused.stdout)["status"], refused.stderr.count(SECRET)) == (1, 503, 0)
        headers, body = list(receiver.requests)[-1]
        assert webhooks.unwrap(body, headers, secret=SECRET).raw == event.raw
    gone = await commands.run(*words)
    assert (gone.exit_code, "Again: --after 0" in gone.stderr) == (1, True)
    assert "Signing secret: whsec_" in gone.stderr


async def test_a_log_that_begins_again_is_read_from_its_beginning(platform: Platform, commands: Commands) -> None:
    await append(platform, 101)  # a page and one event

    async def reset_at_the_first(count: int) -> None:
        if count == 1:
            assert (await platform.emulator.http.post("/emulator/v1/reset")).status_code == 200
            await append(platform, 2)

    async with farming(platform.deps), receiving() as receiver:
        receiver.meanwhile = reset_at_the_first
        done = await commands.run("listen", "--forward-to", receiver.url, "--after", "0", "--no-wait", "--json")
    assert done.exit_code == 0, done.output
    numbers = [json.loads(line)["number"] for line in done.stdout.splitlines()]
    assert numbers == [*range(1, 101), 1, 2]
    assert done.stderr.count("The event log began again") == 1


async def test_a_number_past_the_newest_event_is_of_a_log_that_began_again(
    platform: Platform, commands: Commands
) -> None:
    await append(platform)
    again = "The event log began again (a reset or a restore): reading it from its beginning.\n"
    for after, printed, said in ((7, ["1"], again), (1, [], "")):
        done = await commands.run("events", "tail", "--after", after, "--no-wait")
        assert ([line.split()[0] for line in done.stdout.splitlines()], done.stderr) == (printed, said)


async def test_ctrl_c_while_the_program_hangs_says_where_to_continue(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    for _ in range(3):
        await ask_back(platform, number)
    is_over = asyncio.Event()

    async def hang_at_the_second(count: int) -> None:
        if count > 1:
            await is_over.wait()

    async with receiving() as receiver:
        receiver.meanwhile = hang_at_the_second
        process = await commands.start("listen", "--forward-to", receiver.url, "--after", "0")
        await receiver.requests.until(lambda seen: len(seen) > 1)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        is_over.set()
    assert process.returncode == 130, said
    assert b"To continue: --after 1\nInterrupted.\n" in said, said


@pytest.mark.parametrize(
    "wrong",
    [("localhost:1",), ("http://",), ("http://[",), ("http://a..b/",), ("http://localhost:1", "--secret", "whsec_?")],
)
async def test_listen_refuses_what_it_cannot_use(nobody: Commands, wrong: tuple[str, ...]) -> None:
    done = await nobody.run("listen", "--forward-to", *wrong)
    assert (done.exit_code, wrong[-1] in done.stderr or "copy it whole" in done.stderr) == (2, True)


async def test_a_server_that_is_gone_leaves_the_place_to_continue_at(platform: Platform, commands: Commands) -> None:
    async with proxied(platform.emulator.port) as proxy:
        proxy.plan, proxy.only = repeat("refuse"), b"/events?"
        done = await commands.run("events", "tail", "--after", "7", "--base-url", proxy.url)
    assert (done.exit_code, "To continue: --after 7" in done.stderr) == (4, True), done.stderr


def test_what_people_answer_is_one_line_and_commands_nothing() -> None:
    answer = "late\r\n\x1b[2J\x9b1m\u202eyes \u20b9 5, \u0915"
    payload = {"client_number": HANDSET, "responses": [{"question": "Why?", "answer": answer}]}
    body = json.dumps({"event_type": "user_feedback", "user_feedback_payload": payload})
    line = told(FollowedEvent(1, Raw(body.encode())))
    assert line.isprintable()
    assert line.endswith(r"late\r\n\x1b[2J\x9b1m\u202eyes" + " \u20b9 5, \u0915")


def test_a_possible_spoof_has_its_numbers_and_its_cause() -> None:
    payload = {"business_number": "918040001234", "client_number": HANDSET, "cause": "not_announced"}
    body = json.dumps({"event_type": "possible_spoof", "possible_spoof_payload": payload})
    line = told(FollowedEvent(1, Raw(body.encode())))
    assert line == f"1  -  possible_spoof  918040001234 called {HANDSET}: not_announced"


async def test_trigger_makes_a_handset_answer(platform: Platform, commands: Commands) -> None:
    number = await listed(platform)
    async with farming(platform.deps):
        await platform.emulator.make(HANDSET)
        done = await commands.run("trigger", "call-me-back", "--receiver", HANDSET, "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["business_number"] == number.number
        nobody_calls = await commands.run("trigger", "call-me-back", "--receiver", HANDSET, "--not-interested")
        assert nobody_calls.stdout.startswith("The handset wants no callback.")
        silent = await commands.run("trigger", "feedback", "--receiver", HANDSET)
        assert (silent.exit_code, "no live campaign asks after answered calls" in silent.stderr) == (2, True)
    printed = await commands.run("events", "tail", "--after", "0", "--no-wait")
    assert "call back" in printed.stdout


async def test_trigger_finds_the_number_whose_calls_are_asked_about(platform: Platform, commands: Commands) -> None:
    asked = await make_listed(platform.deps, account_id=platform.cast.account.id, call_me_back=False)
    campaign = await offer_everything(platform.deps, asked)
    await make_listed(platform.deps, account_id=platform.cast.account.id, name="Newer", survey=False)
    async with farming(platform.deps):
        await platform.emulator.make(HANDSET)
        for outcome in ("answered", "missed"):
            done = await commands.answer("trigger", "feedback", "--receiver", HANDSET, "--outcome", outcome)
            assert (done["business_number"], done["campaign_id"]) == (asked.number, str(campaign.id))
        stranger = await commands.run("trigger", "feedback", "--receiver", "919900000056")
        assert (stranger.exit_code, "no virtual handset has this number" in stranger.stderr) == (2, True)
    printed = await commands.run("events", "tail", "--after", "0", "--no-wait")
    assert printed.stdout.count("Did the courier arrive on time? Yes; Anything else? All went well") == 2


async def test_trigger_without_an_emulator(nobody: Commands) -> None:
    here = Commands(nobody.home, {**nobody.variables, **KEY_OF_NOBODY})
    async with receiving() as receiver:
        words = ("--caller", "918040001234", "--base-url", f"http://127.0.0.1:{receiver.port}")
        for status, body, said in (
            (404, b'{"message": "resource not found"}', "no emulator"),
            (200, b"<html>", "is none of an emulator"),
        ):
            receiver.status, receiver.body = status, body
            done = await here.run("trigger", "feedback", *words)
            assert (done.exit_code, said in done.stderr) == (3, True), done.stderr


async def test_trigger_says_what_is_missing(commands: Commands) -> None:
    nothing = await commands.run("trigger", "call-me-back")
    assert (nothing.exit_code, "no listed number" in nothing.stderr) == (2, True)
    refused = await commands.run("trigger", "feedback", "--caller", "918040001234", "--receiver", "919900000077")
    assert (await commands.run("trigger", "feedback", "--receiver", "../calls")).exit_code == 2
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
    written = await commands.answer("logs", "call-me-back", *days, "-o", file)
    assert (written, file.read_bytes()) == ({"file": str(file)}, shown.stdout_bytes)
    nowhere = await commands.run("logs", "call-me-back", *days, "-o", commands.home / "none" / "log.csv")
    assert (nowhere.exit_code, "cannot write" in nowhere.stderr) == (2, True)
    assert (await commands.run("logs", "feedback", random_uuid(), "--since", "soon")).exit_code == 2


@pytest.mark.parametrize(
    ("text", "is_end", "instant"),
    [
        ("2026-01-31", False, "2026-01-30T18:30:00+00:00"),
        ("20260131", False, "2026-01-30T18:30:00+00:00"),
        ("2026-01-31", True, "2026-01-31T18:29:59.999000+00:00"),
        ("2026-01-31T18:00", True, "2026-01-31T12:30:00+00:00"),
        ("2026-01-31T18:00Z", False, "2026-01-31T18:00:00+00:00"),
    ],
)
def test_days_and_instants(text: str, is_end: bool, instant: str) -> None:
    assert read_day(text, "Asia/Kolkata", is_end=is_end).isoformat() == instant


def test_a_day_with_an_offset_is_no_time_of_day() -> None:
    with pytest.raises(click.UsageError, match="neither a day"):
        read_day("2026-12-31+05:30", "Asia/Kolkata")


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-10-25T02:30"])
def test_a_time_that_clocks_skip_or_show_twice_needs_an_offset(text: str) -> None:
    with pytest.raises(click.UsageError, match=r"clocks in Europe/Berlin skip this time .* write its offset"):
        read_day(text, "Europe/Berlin")
    assert read_day(f"{text}+02:00", "Europe/Berlin").isoformat() == f"{text[:11]}00:30:00+00:00"


def test_a_day_that_is_the_last_of_all() -> None:
    with pytest.raises(click.UsageError, match="too far away"):
        read_day("9999-12-31", "UTC", is_end=True)
