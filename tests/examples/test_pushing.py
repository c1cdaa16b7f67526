"""The programs that push: the dialer, and the cron job, which may run again."""

import asyncio
import csv
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.client.conftest import Platform
from tests.examples.running import run, run_in_turn
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until

from callmark.kit.ids import random_uuid
from callmark.processes.worker import run_worker

CALLER = "918040001234"
FIRST, SECOND = "919900000001", "919900000002"
REASON = "Your order 17 arrives today"


@pytest.fixture
async def working(platform: Platform) -> AsyncGenerator[None]:
    """The worker, beside the test."""
    running = asyncio.create_task(run_worker(platform.deps))
    yield
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.fixture
async def passing(clock: FakeClock) -> AsyncGenerator[None]:
    """The product clock runs, ahead of the program's: to one that stands, a record that begins now begins later."""

    async def run_on() -> None:
        while True:
            clock.advance(timedelta(milliseconds=100))
            await asyncio.sleep(0.005)

    running = asyncio.create_task(run_on())
    yield
    running.cancel()


@pytest.mark.usefixtures("passing")
async def test_the_dialer_pushes_and_then_dials(platform: Platform, environ: dict[str, str], tmp_path: Path) -> None:
    await platform.emulator.make(FIRST)
    await platform.emulator.make(SECOND)
    calls = tmp_path / "calls.csv"
    rows = f"receiver,reason\n{FIRST},{REASON}\n919900000099,{REASON}\n{SECOND},short\n12,{REASON}\n"
    calls.write_text(rows, encoding="utf-8-sig")  # as spreadsheets save it
    label = platform.cast.label
    ran = await run(
        *("dialer/dialer.py", calls, "--caller", CALLER, "--label-id", label.id, "--lines", 2, "--patience", 60),
        environ=environ,
    )
    assert ran.status == 0, ran.err
    pushed, nobody, refused, wrong = ran.out.splitlines()
    assert pushed == f"{FIRST}: pushed; shows {label.name} - {REASON}"
    assert nobody == "919900000099: not pushed (Not a Truecaller user); shows the bare number"
    assert refused.startswith(f"{SECOND}: not pushed (")
    assert refused.endswith("; shows the bare number")
    assert wrong.startswith("12: not pushed (")
    assert "; not reached (" in wrong


@pytest.mark.usefixtures("passing")
async def test_a_push_that_takes_too_long_does_not_hold_up_the_call(
    platform: Platform, environ: dict[str, str], tmp_path: Path
) -> None:
    await platform.emulator.make(FIRST)
    assert (await platform.emulator.http.put("/emulator/v1/faults", json={"latency_ms": 200})).status_code == 200
    calls = tmp_path / "calls.csv"
    calls.write_text(f"receiver,reason\n{FIRST},{REASON}\n")
    options = "--caller", CALLER, "--label-id", platform.cast.label.id, "--patience", 0.01
    ran = await run("dialer/dialer.py", calls, *options, environ=environ)
    assert ran.out.startswith(f"{FIRST}: not pushed in time; shows "), ran.err

    async def shows_the_reason() -> bool:
        return (await platform.emulator.screen(FIRST, CALLER))["call_reason"] == REASON

    await until(shows_the_reason)  # it is not given up either


@pytest.mark.usefixtures("working")
async def test_the_cron_job_pushes_a_file_and_run_again_pushes_nothing_twice(
    platform: Platform, environ: dict[str, str], clock: FakeClock, tmp_path: Path
) -> None:
    await platform.emulator.make(FIRST)
    now = clock.now()
    starts_at, ends_at = now.isoformat(), (now + timedelta(hours=9)).isoformat()
    exported = tmp_path / "deliveries.csv"
    exported.write_text(
        "receiver,reason,starts_at,ends_at\n"
        f"{FIRST},{REASON},{starts_at},{ends_at}\n"
        f"919900000099,{REASON},{starts_at},{ends_at}\n"
        f"{FIRST},{REASON},2026-01-31T09:00,{ends_at}\n"
        f"{FIRST},short,{starts_at},{ends_at}\n"
    )
    argv = "nightly_push/push_csv.py", exported, "--caller", CALLER, "--label-id", platform.cast.label.id
    first = await run(*argv, environ=environ)
    assert (first.status, first.out) == (1, f"{exported}: 4 rows, 3 failed\n"), first.err
    results = exported.with_suffix(".results.csv")
    written = results.read_text()
    rows = list(csv.DictReader(written.splitlines()))
    assert [row["status"] for row in rows] == ["success", "error", "invalid", "invalid"]
    assert [row["line"] for row in rows] == ["2", "3", "4", "5"]
    assert rows[1]["message"] == "Not a Truecaller user"
    assert "no time zone" in rows[2]["message"]
    assert "between 10 and 100" in rows[3]["message"]
    records = await platform.count("call_record")
    again = await run(*argv, environ=environ)
    assert (again.status, again.out, results.read_text()) == (1, first.out, written), again.err
    assert await platform.count("call_record") == records
    shown = await platform.emulator.call(FIRST, CALLER)
    assert shown["call_reason"] == REASON


async def test_the_cron_job_says_what_is_wrong(environ: dict[str, str], tmp_path: Path) -> None:
    row = f"{FIRST},{REASON},2026-01-31T09:00Z,2026-01-31T10:00Z\n"
    files = {
        "other columns": ("phone,reason\n", 2, "missing: ends_at, receiver, starts_at"),
        "other bytes": ("phone,reason\n1,Gr\u00fc\u00dfe", 2, "is not UTF-8"),
        "none": (None, 2, "No such file"),
        "another key": (f"receiver,reason,starts_at,ends_at\n{row}", 3, "key id and secret"),
    }
    for name, (text, _, _) in files.items():
        if text is not None:
            (tmp_path / f"{name}.csv").write_text(text, encoding="latin-1")
    options = "--caller", CALLER, "--label-id", "label"
    said = await run_in_turn(
        *(("nightly_push/push_csv.py", tmp_path / f"{name}.csv", *options) for name in files),
        imported="callmark.client httpcore",
        environ=environ | {"CALLMARK_API_KEY": str(random_uuid())},
    )
    for (name, (_, status, told)), ran in zip(files.items(), said, strict=True):
        assert (ran.status, told in ran.err) == (status, True), (name, ran.err)
        assert not (tmp_path / f"{name}.results.csv").exists(), name
