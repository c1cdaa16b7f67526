"""Stored call records by the million: each day's partition is written without its indexes, which are then built on it.

One transaction makes a table and fills it, so that nothing of it goes through the embedded engine's log. The next puts
it in the place of the day's empty partition; it then has the indexes that PostgreSQL asks of one of `call_record`.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg

from bench.stage import Stage
from callmark.domain.personalisation.partitions import CALL_RECORDS, keep_partitions_at
from callmark.kit.phone import PhoneNumber

DAYS = 20
CALLER = "918040001234"
AT_ONCE = 2
PATIENCE_S = 3600

# Each receiver has one record of CALLER that is open now, and others spread over the days and thirty other callers.
FILL = """
INSERT INTO {table} (receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_id,
  label_name, call_reason, starts_at, accepted_at, outcome, sent_at, settled_at)
SELECT '9198' || lpad(r::text, 8, '0'), $1::timestamptz, gen_random_uuid(), $2, $2, 0,
  CASE WHEN k = 0 THEN $3 ELSE '9180' || lpad((k % 30)::text, 8, '0') END, $4, 'Acme Deliveries',
  'Your parcel arrives today', $1 - interval '3 hours', $1 - interval '4 hours', 'success', $1, $1
FROM (
  SELECT 0 AS k, r FROM generate_series(0, $5::int - 1) r WHERE $6::int = 0
  UNION ALL
  SELECT k, r FROM generate_series(1, $7::int - 1) k,
    generate_series((($6 - k) % {days} + {days}) % {days}, $5 - 1, {days}) r
) made
"""


def receiver(number: int) -> PhoneNumber:
    """A receiver by their place among all."""
    return PhoneNumber(f"9198{number:08d}")


async def make_days(on: Stage, days: int = DAYS) -> datetime:
    """Makes the partitions of the last days, which `fill` writes to; the instant that its records are spread around."""
    now = on.deps.clock.now()
    for day in range(days, -1, -1):
        await keep_partitions_at(on.deps, now - timedelta(days=day))
    return now


async def fill(on: Stage, now: datetime, receivers: int, each: int) -> None:
    """Stores `each` records of every receiver, in an installation that has none."""
    days = iter(range(DAYS))
    await asyncio.gather(*(_fill_days(on, now, days, receivers, each) for _ in range(AT_ONCE)))
    connection = await asyncpg.connect(on.deps.settings.reached_postgres)
    await connection.execute("ANALYZE call_record", timeout=PATIENCE_S)
    await connection.execute("CHECKPOINT", timeout=PATIENCE_S)
    await connection.close()


async def _fill_days(on: Stage, now: datetime, days: Iterator[int], receivers: int, each: int) -> None:
    """Writes days until none is left; the iterator is shared."""
    connection = await asyncpg.connect(on.deps.settings.reached_postgres, server_settings={"jit": "off"})
    await connection.execute("SET maintenance_work_mem = '512MB'")
    account = on.accounts[0]
    for day in days:
        ends_at = now + timedelta(hours=2) - timedelta(days=day)
        start = datetime(ends_at.year, ends_at.month, ends_at.day, tzinfo=UTC)
        table = CALL_RECORDS.of(start)
        wanted = (ends_at, account.id, CALLER, account.label_id, receivers, day, each)
        async with connection.transaction():
            await connection.execute(
                f"CREATE TABLE filled_{table} (LIKE call_record INCLUDING ALL EXCLUDING INDEXES)"
                f" WITH (fillfactor = {CALL_RECORDS.fillfactor})"
            )
            await connection.execute(FILL.format(table=f"filled_{table}", days=DAYS), *wanted, timeout=PATIENCE_S)
        async with connection.transaction():
            await _put_in_place(connection, table, start)
        await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=PATIENCE_S)
    await connection.close()


async def _put_in_place(connection: "asyncpg.Connection[asyncpg.Record]", table: str, start: datetime) -> None:
    bounds = f"FROM ('{start.isoformat()}') TO ('{(start + timedelta(days=1)).isoformat()}')"
    await connection.execute("LOCK TABLE call_record IN ACCESS EXCLUSIVE MODE")
    if await connection.fetchval(f"SELECT count(*) FROM {table}"):
        raise SystemExit(f"{table} has records already")
    for step in (
        f"ALTER TABLE call_record DETACH PARTITION {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE filled_{table} RENAME TO {table}",
        f"ALTER TABLE call_record ATTACH PARTITION {table} FOR VALUES {bounds}",
    ):
        await connection.execute(step, timeout=PATIENCE_S)
