"""`callmark person erase` is killed in the middle: what it had begun is whole, and the next one finishes it.

And rows move to another partition in the middle: they are found.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.domain.persons.erased_numbers import NUMBER, has, put_everywhere, rows_of
from tests.domain.persons.locked_tables import locked, waits_for
from tests.support.engines import SECRET_KEY, Engines
from tests.support.kept_days import KEPT
from tests.support.table_rows import put_row
from tests.support.waiting import until

from callmark.domain.audit import sealing, service as audit
from callmark.domain.deps import Deps
from callmark.domain.persons import service
from callmark.kit.postgres.partitions import keep_days


@asynccontextmanager
async def erase(engines: Engines, data: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The command, in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}
    settings = {
        "CALLMARK_POSTGRES_DSN": engines.dsn,
        "CALLMARK_NATS_URL": engines.nats_url,
        "CALLMARK_SECRET_KEY": SECRET_KEY,
        "CALLMARK_DATA": str(data),
    }
    command = [sys.executable, "-m", "callmark.main", "person", "erase", NUMBER, "--yes", "--json"]
    process = await asyncio.create_subprocess_exec(*command, env=inherited | settings, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_an_erasing_process_that_is_killed_leaves_whole_rows_and_the_next_one_finishes(
    deps: Deps, engines: Engines, tmp_path: Path
) -> None:
    put = await put_everywhere(deps, NUMBER)
    async with locked(engines, "registration"), erase(engines, tmp_path) as first:
        await until(partial(waits_for, deps, "registration"))
        first.kill()
        assert await first.wait() < 0
    (half,) = await service.list_erasures(deps)
    assert half.ended_at is None
    assert half.phone_number == NUMBER
    assert half.rows > 0
    assert half.tables_done < half.table_count
    assert has(await rows_of(deps), NUMBER)
    async with erase(engines, tmp_path) as second:
        assert await second.wait() == 0
    (done,) = await service.list_erasures(deps)
    assert (done.id, done.phone_number, done.ended_at is not None) == (half.id, None, True)
    assert set(half.counts) < set(done.counts) == {name.partition(".")[0] for name in put}
    assert not has(await rows_of(deps), NUMBER)
    log = await audit.list_entries(deps, None, audit.AuditFilter())
    told = [(one.action, one.subject) for one in log if one.action.startswith("person.")]
    assert told == [("person.erased", str(done.id)), ("person.erasure_requested", str(done.id))]
    await sealing.seal_entries(deps)
    assert (await sealing.verify(deps)).faults == []


async def test_a_record_that_moves_to_its_day_while_others_are_read_is_erased(
    deps: Deps, engines: Engines, tmp_path: Path
) -> None:
    now = deps.clock.now()
    for days in (0, 30):
        await keep_days(deps.db, now + timedelta(days=days), KEPT)
    async with deps.db.transaction() as tx:  # into the rest: the days before the second run are not made
        await put_row(tx, "call_record", now, {"receiver_number": NUMBER, "ends_at": now + timedelta(days=20)})
    later = f"call_record_{now + timedelta(days=35):%Y%m%d}"
    async with erase(engines, tmp_path) as erasing:
        async with locked(engines, later):
            await until(partial(waits_for, deps, later))
            await keep_days(deps.db, now, KEPT, many=1)
        assert await erasing.wait() == 0
    assert not has(await rows_of(deps), NUMBER)
