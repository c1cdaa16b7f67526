"""`callmark push` against a running platform: each row once, whatever interrupts it."""

import asyncio
import csv
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from tests.client.cli.conftest import KEY_OF_NOBODY, PROGRAM, Commands, working
from tests.client.cli.record_files import orders
from tests.client.conftest import ONLINE, Platform
from tests.client.proxy import proxied
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until as until_async

from callmark.domain.credentials import service as credentials
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.processes.worker import prepare

CALLER = ("--caller", "918040001234", "--expires-in", "2h", "--yes")


async def until(condition: Callable[[], object]) -> None:
    """As `tests.support.waiting.until`, for what needs no waiting to look at."""

    async def holds() -> object:
        return condition()

    await until_async(holds)


def results_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def check_each_once(platform: Platform, path: Path, count: int) -> None:
    """Every row has one result, in order, and the platform one record of each."""
    rows = results_of(path)
    assert [int(row["row"]) for row in rows] == list(range(2, count + 2))
    assert {row["status"] for row in rows} == {"success", "error"}
    assert len({row["record_id"] for row in rows}) == count
    assert await platform.count("call_record") == count


async def test_a_preview_then_a_result_for_each_row(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "Customer,Phone,call_reason,reciever\n"
        f"Asha,{ONLINE},Your parcel arrives today,\n"
        "Ben,919900000099,Your parcel arrives today,x\n"
        "Chi,=1+1,short,\n"
    )
    options = ("--label-id", platform.cast.label.id, "--caller", "918040001234", "--expires-in", "2h")
    async with commands.at_terminal("push", file, *options) as person:
        person.types("n\n")
        assert await person.ended() == (2, "")
    assert not (tmp_path / "orders.results.csv").exists()
    for said in (
        "receiver   column 'Phone'",
        "not used   column 'Customer'",
        "not used   column 'reciever'",
        f"918040001234 rings {ONLINE}: '{platform.cast.label.name}', 'Your parcel arrives today'",
        "1 row is at fault",
        "reason must be between 10 and 100 characters; the first in row 4: 'short' (it has 5 characters)",
        "Push 2 records",
    ):
        assert said in person.said
    async with working(platform), commands.at_terminal("push", file, *options, "--json") as person:
        person.types("y\n")
        exit_code, answer = await person.ended()
    assert exit_code == 1
    counts = json.loads(answer)
    assert (counts["rows"], counts["success"], counts["error"], counts["invalid"]) == (3, 1, 1, 1)
    first, second, third = results_of(tmp_path / "orders.results.csv")
    assert (first["row"], first["receiver"], first["status"]) == ("2", ONLINE, "success")
    assert first["batch_id"]
    assert first["record_id"]
    assert (second["status"], second["message"]) == ("error", "Not a Truecaller user")
    assert (third["status"], third["receiver"]) == ("invalid", "'=1+1")  # what a spreadsheet would run stays a text
    assert "receiver is not a valid phone number" in third["message"]
    again = await commands.run("push", file, *options, "--resume", "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (1, counts)
    assert await platform.count("call_record") == 2
    assert "is finished, so nothing is sent" in again.stderr


async def test_results_of_another_push_are_left_alone(nobody: Commands, tmp_path: Path) -> None:
    file, results = orders(tmp_path / "orders.csv", 1), tmp_path / "orders.results.csv"
    here = Commands(nobody.home, {**nobody.variables, **KEY_OF_NOBODY})
    results.write_text("kept")
    for words, said in (
        ((), f"{results} exists: continue with --resume"),
        (("--resume",), f"cannot be continued without {results}.journal"),
        (("--results", tmp_path / "none" / "r.csv"), f"there is no directory {tmp_path / 'none'}"),
    ):
        done = await here.run("push", file, *CALLER, *words)
        assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    results.rename(tmp_path / "orders.results.csv.journal")
    left = await here.run("push", file, *CALLER)
    assert (left.exit_code, f"{results}.journal exists" in left.stderr) == (2, True)
    assert (tmp_path / "orders.results.csv.journal").read_text() == "kept"
    assert not results.exists()


async def test_a_file_that_changes_while_one_looks_at_it(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    file = orders(tmp_path / "orders.csv", 2)
    words = ("--label-id", platform.cast.label.id, *CALLER[:-1])
    async with commands.at_terminal("push", file, *words, "--resume") as person:
        await person.asked("Push 2 records")
        orders(file, 3)
        person.types("y\n")
        exit_code, _ = await person.ended()
    assert (exit_code, "has changed since it was shown" in person.said) == (2, True), person.said
    assert "this is a new one" in person.said
    assert await platform.count("batch") == 0
    assert not list(commands.home.parent.glob("*results*"))


async def test_other_kinds_of_files(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    now, parquet = platform.deps.clock.now(), cast("Any", import_module("pyarrow.parquet"))
    row: dict[str, Any] = {
        "receiver": ONLINE,
        "caller": "918040001234",
        "label_id": str(platform.cast.label.id),
        "reason": "Your parcel arrives today",
        "starts_at": now,
        "ends_at": now + timedelta(hours=1),
    }
    in_lines, in_columns = row | {"name": "Acme of lines"}, row | {"name": "Acme of columns"}
    (tmp_path / "orders.ndjson").write_text(json.dumps(in_lines, default=datetime.isoformat) + "\n")
    parquet.write_table(import_module("pyarrow").Table.from_pylist([in_columns]), tmp_path / "orders.parquet")
    for ending, name in (("ndjson", "Acme of lines"), ("parquet", "Acme of columns")):
        results = tmp_path / f"results-{ending}.ndjson"
        async with working(platform):
            done = await commands.run("push", tmp_path / f"orders.{ending}", "--yes", "--results", results)
        assert done.exit_code == 0, done.stderr
        [result] = [json.loads(line) for line in results.read_text().splitlines()]
        assert (result["receiver"], result["status"]) == (ONLINE, "success"), ending
        found = await commands.answer("resolve", "918040001234", ONLINE)
        shown = found["identity"]
        assert (shown["name"], shown["starts_at"]) == (name, int(now.timestamp() * 1000)), ending


async def test_standard_input_and_columns_by_name(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    text = f"who,why,until\n{ONLINE},Your parcel arrives today,2h\n"
    options = ("--caller", "918040001234", "--label-id", platform.cast.label.id, "--yes")
    maps = ("--map", "who=receiver", "--map", "why=reason", "--map", "until=expires_in")
    results = tmp_path / "results.csv"
    async with working(platform):
        done = await commands.run("push", "-", *options, *maps, "--results", results, typed=text)
    assert (done.exit_code, results_of(results)[0]["status"]) == (0, "success"), done.stderr
    assert (await commands.run("push", "-", *options, typed=text)).exit_code == 2
    assert (await commands.run("push", "/dev/null", *options)).exit_code == 2
    for wrong, hint in (("wo=receiver", "do you mean 'who'?"), ("who=reciever", "do you mean receiver?"), ("who", "=")):
        refused = await commands.run("push", "-", *options, "--results", tmp_path / "r", "--map", wrong, typed=text)
        assert (refused.exit_code, hint in refused.stderr) == (2, True), refused.stderr


async def test_a_push_that_is_killed_continues_with_each_row_once(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    file = orders(tmp_path / "orders.csv", 1200)
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    process = await commands.start(*words)

    async def under_way() -> bool:
        return await platform.count("batch") >= 2

    await until_async(under_way)
    process.kill()
    await process.wait()
    assert results_of(tmp_path / "orders.results.csv") == []
    async with working(platform):
        done = await commands.run(*words, "--resume")
    assert done.exit_code == 1, done.stderr
    await check_each_once(platform, tmp_path / "orders.results.csv", 1200)


async def test_ctrl_c_in_the_middle_of_results(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 4600)
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    results = tmp_path / "orders.results.csv"

    def until_there_are_some() -> Iterator[str]:
        while not (results.exists() and results.stat().st_size > 100):
            yield "pass"
        yield "late"  # so that the middle does not pass by

    async with working(platform), proxied(platform.emulator.port) as proxy:
        proxy.only, proxy.plan = b"/v2/", until_there_are_some()
        here = Commands(commands.home, {**commands.variables, "CALLMARK_BASE_URL": proxy.url})
        process = await here.start(*words)
        await until(lambda: results.exists() and results.stat().st_size > 100)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert (process.returncode, b"--resume" in said) == (130, True), said
        proxy.plan = iter(())
        with results.open("a") as spoiled:  # as a crash leaves it
            spoiled.write("99999,half a li")
        other = await here.run(*words, "--resume", "--caller", "918040009999")
        assert (other.exit_code, "another caller" in other.stderr) == (2, True)
        done = await here.run("push", file, "--resume")  # the options are those that it began with
    assert "Continuing the push of" in done.stderr
    assert done.exit_code == 1, done.stderr
    await check_each_once(platform, results, 4600)


async def test_a_lost_network_and_another_file(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 600)
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    async with proxied(platform.emulator.port) as proxy:
        proxy.plan = iter(["pass", "cut", "refuse", "refuse"])  # the second is carried out, and nobody hears of it
        here = Commands(commands.home, {**commands.variables, "CALLMARK_BASE_URL": proxy.url})
        lost = await here.run(*words)
        assert (lost.exit_code, "--resume" in lost.stderr) == (4, True), lost.stderr
        elsewhere = await commands.run(*words, "--resume")
        assert (elsewhere.exit_code, "was begun at" in elsewhere.stderr) == (2, True)
        content = file.read_text()
        file.write_text(content + "919900009999,Your parcel arrives today\n")
        changed = await here.run(*words, "--resume")
        assert (changed.exit_code, "not the file" in changed.stderr) == (2, True)
        file.write_text(content)
        async with working(platform):
            done = await here.run(*words, "--resume")
    assert done.exit_code == 1, done.stderr
    await check_each_once(platform, tmp_path / "orders.results.csv", 600)


async def test_a_finished_push_is_not_continued(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    file, results = orders(tmp_path / "orders.csv", 3), tmp_path / "orders.results.csv"
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER, "--resume")
    async with working(platform):
        first = await commands.run(*words)
        again = await commands.run(*words)
        written = results.read_text()
        results.write_text(written.replace("\n", "\r\n"), newline="")
        saved = await commands.run(*words)
        assert results.read_bytes().count(b"\r\n") == 4  # it is not touched
        results.write_text(written)
        with file.open("a") as longer:
            longer.write("919900009999,Your parcel arrives today\n")
        other = await commands.run(*words)
    assert (first.exit_code, again.exit_code, saved.exit_code, other.exit_code) == (1, 1, 1, 2), other.stderr
    assert "is finished, so nothing is sent" in again.stderr
    assert "the results of another file, whose push is finished" in other.stderr
    await check_each_once(platform, results, 3)


async def test_rows_that_were_refused_are_sent_the_next_day(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    file, account = orders(tmp_path / "orders.csv", 3), platform.cast.account.id
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    limited = await credentials.create_key(
        platform.deps, account, name="limited", features={Feature.CALL_ME_BACK}, by=SYSTEM
    )
    key = {"CALLMARK_KEY_ID": str(limited.key_id), "CALLMARK_API_KEY": limited.api_key}
    refused = await Commands(commands.home, {**commands.variables, **key}).run(*words)
    assert refused.exit_code == 3, refused.output
    clock = platform.deps.clock
    assert isinstance(clock, FakeClock)
    clock.advance(timedelta(hours=24))
    await prepare(platform.deps)
    async with working(platform):
        done = await commands.run(*words, "--resume")
    assert "Continuing the push of" in done.stderr
    await check_each_once(platform, tmp_path / "orders.results.csv", 3)


async def test_a_full_disk_ends_it_clearly_and_it_continues(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    file = orders(tmp_path / "orders.csv", 700)
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    limited = ("import resource, os, sys", "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))")
    program = "; ".join([*limited, "os.execv(sys.argv[1], sys.argv[1:])"])
    async with working(platform):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, PROGRAM, *map(str, words)),
            # Python does not notice that it wrote half of a module's bytecode, which then breaks every later start.
            env={**os.environ, **commands.variables, "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        assert process.returncode == 2, said
        assert b"orders.results.csv: File too large. Make room" in said
        assert b"Traceback" not in said
        done = await commands.run(*words, "--resume")
    assert done.exit_code == 1, done.stderr
    await check_each_once(platform, tmp_path / "orders.results.csv", 700)


async def test_two_at_once_do_not_write_the_same_results(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    file = orders(tmp_path / "orders.csv", 10)
    words = ("push", file, "--label-id", platform.cast.label.id, *CALLER)
    process = await commands.start(*words)
    await until((tmp_path / "orders.results.csv").exists)
    second = await commands.run(*words, "--resume")
    assert (second.exit_code, "another push is writing" in second.stderr) == (2, True)
    async with working(platform):
        await process.communicate()
    await check_each_once(platform, tmp_path / "orders.results.csv", 10)


async def test_what_nothing_gives_is_asked_for_before_anything_is_sent(commands: Commands, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    done = await commands.run("push", file, "--yes")
    assert done.exit_code == 2
    for way in ("--caller NUMBER", "--label-id ID", "--expires-in 2h"):
        assert way in done.stderr
    assert (await commands.run("push", file, "--expires-in", "soon")).exit_code == 2
    assert (await commands.run("push", file, "--time-zone", "Mars")).exit_code == 2
