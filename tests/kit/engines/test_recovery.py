"""Embedded PostgreSQL that recovers after a crash is waited for, and not stopped so that it has to begin again."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts
from tests.support.waiting import until

from callmark.kit.engines import postgres
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import connect


class BlockedLog:
    """Pipes in the place of a stopped server's log of changes: recovery waits to open the one that it needs first."""

    def __init__(self, data: Path) -> None:
        self._files = [file for file in (data / "postgres/pg_wal").iterdir() if file.is_file()]
        for file in self._files:
            file.rename(file.with_suffix(".real"))
            os.mkfifo(file)
            file.chmod(0o644)

    def end(self) -> None:
        """It reads nothing from them, and gives up."""
        for file in self._files:
            with suppress(OSError):  # nobody waits for this one
                os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))

    def put_back(self) -> None:
        for file in self._files:
            file.with_suffix(".real").rename(file)


async def test_however_long_it_takes(first_starts: FirstStarts, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = reachable_directory()
    await first_starts.put(directory / "data")
    engine = EmbeddedPostgres(directory / "data", durable=False)
    async with connect(await engine.start()) as tx:
        await tx.execute("SET synchronous_commit = on; CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(engine.pid, signal.SIGKILL)
    await engine.wait()
    blocked = BlockedLog(directory / "data")
    with capture_logs() as lines, monkeypatch.context() as patch:
        patch.setattr(postgres, "TELL_EVERY_S", 0)
        starting = asyncio.create_task(engine.start())

        async def is_told(times: int = 1) -> bool:
            return len([line for line in lines if line["event"] == "postgresql_recovers"]) >= times

        async def has_ended() -> bool:
            blocked.end()
            return starting.done()

        await until(is_told)
        patch.setattr(postgres, "START_WITHIN_S", 0)
        await until(lambda: is_told(3))
        assert not starting.done()
        patch.undo()
        await until(has_ended)
        with pytest.raises(SetupError, match="did not start"):
            await starting
    blocked.put_back()
    async with connect(await engine.start()) as tx:
        assert await tx.fetchval("SELECT n FROM kept") == 7
    await engine.stop()
    shutil.rmtree(directory)
