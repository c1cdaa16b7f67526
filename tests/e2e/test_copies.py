"""A data directory that was copied: it does not start until someone has said what it is."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.e2e.serving import run, run_here
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts

from callmark.domain.mail import service as mail
from callmark.kit.clock import SystemClock
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.installation import check_place, place_of
from callmark.kit.postgres.database import connect


@pytest.fixture
def copy(first_starts: FirstStarts) -> Generator[Path]:
    """The copy of an installation that has run and has a mail to send."""
    directory = reachable_directory()
    asyncio.run(_has_run(first_starts, directory / "original"))
    subprocess.run(["/usr/bin/cp", "-a", directory / "original", directory / "copy"], check=True)
    yield directory / "copy"
    shutil.rmtree(directory)


async def _has_run(first_starts: FirstStarts, data: Path) -> None:
    await first_starts.put_migrated(data)
    now = SystemClock().now()
    async with EmbeddedPostgres(data, durable=False) as dsn, connect(dsn) as tx:
        await check_place(tx, await place_of(tx, data))
        await mail.enqueue(tx, to="alice@acme.example", subject="Hi", text="Hi", html="", now=now)


def test_a_copied_directory_is_refused_until_it_is_renewed_and_sends_when_it_is_released(copy: Path) -> None:
    refused = run("serve", "--data", copy, "--roles", "worker")
    assert refused.returncode == 1
    assert "callmark installation renew" in refused.stderr
    assert len([line for line in refused.stderr.splitlines() if not line.startswith("{")]) == 1
    before = json.loads(run_here("installation", "show", "--data", copy, "--json").stdout)
    assert (before["is_elsewhere"], before["held_at"], before["waiting_mails"]) == (True, None, 1)
    assert f"{copy.parent}/original" in before["first_place"]
    asked = run_here("installation", "renew", "--data", copy)
    assert (asked.returncode, asked.stdout) == (2, "")
    renewed = json.loads(run_here("installation", "renew", "--data", copy, "--yes", "--json").stdout)
    assert renewed["id"] != before["id"]
    assert renewed["held_at"]
    assert renewed["is_elsewhere"] is False
    released = run_here("installation", "release", "--data", copy, "--drop", "--yes", "--json")
    assert json.loads(released.stdout) == {"deleted_webhooks": 0, "deleted_mails": 1}
    again = run_here("installation", "release", "--data", copy, "--yes")
    assert (again.returncode, again.stderr.startswith("Error: nothing is held")) == (1, True)


def test_a_directory_without_an_installation_is_not_made_one(tmp_path: Path) -> None:
    found = run_here("installation", "show", "--data", tmp_path / "none")
    assert found.returncode == 1
    assert "there is no installation at" in found.stderr
    assert not (tmp_path / "none").exists()
