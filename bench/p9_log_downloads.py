"""P9: a log download, from a link that no one has opened yet to its last byte, beside a bare COPY TO of the same rows.

The file is written step by step into the object store and read from there; the peak memory of the process that does
both is shown beside its memory at rest.
"""

import os
import time
from datetime import datetime, timedelta

import aiohttp
import asyncpg

from bench.cpu import kind_of, microseconds_by_kind, per_item, tree
from bench.memory import resident_kb
from bench.report import Row, cost, rate
from bench.stage import Stage, stage
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.log_downloads import service as log_downloads
from callmark.domain.log_downloads.model import LogFile
from callmark.domain.personalisation.partitions import keep_partitions_at
from callmark.domain.policy.model import SYSTEM

EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
DAYS = 28
MEGABYTE = 1 << 20

# Spread over the days that are kept; written around the trigger that makes deliveries, as nobody subscribes.
FILL = """
INSERT INTO event (account_id, number, id, event_type, created_at, body)
SELECT $1::uuid, n, gen_random_uuid(), 'cmb', at, json_build_object(
  'event_id', gen_random_uuid(), 'client_account_id', $1::uuid,
  'event_type', 'cmb', 'created_at', extract(epoch FROM at)::bigint::text, 'cmb_payload', json_build_object(
    'business_number', '918040001234', 'feature_set', 'Delivery default',
    'client_number', '9198' || lpad((n % 100000000)::text, 8, '0'),
    'requested_at', extract(epoch FROM at)::bigint::text,
    'requested_date', '2026-01-03', 'requested_slot', 'Saturday', 'preferred_from_time', '1767418200',
    'preferred_to_time', '1767420000', 'is_interested', true, 'alternate_number', '',
    'cmb_config_name', 'Weekday callbacks'))
FROM (
  SELECT n, $2::timestamptz - ($3 - n) * ($4::interval / $3) AS at
  FROM generate_series(1, $3::bigint) n
) made
"""


async def run() -> list[Row]:
    async with stage(roles="api", accounts_count=1) as on:
        now = on.deps.clock.now()
        await _fill(on, now)
        account = AccountId(on.accounts[0].id)
        ceiling = await _bare(on)
        wanted = LogFile(account, EventType.CALL_ME_BACK, None, now - timedelta(days=30), now + timedelta(days=1))
        link = await log_downloads.make_link(on.deps, wanted, by=SYSTEM)
        assert link
        url = on.url + "/downloads/" + link.url.rpartition("/")[2]
        process = next(pid for pid in tree(on.pid) if kind_of(pid) == "api and gateway")
        at_rest, before = resident_kb(process) // 1024, microseconds_by_kind(on.pid)
        first_byte_s, seconds, lines, size_bytes = await _download(url)
        assert lines == EVENTS + 1, lines
        peak = resident_kb(process, "VmHWM") // 1024
        print(f"p9: {per_item(before, microseconds_by_kind(on.pid), EVENTS)}")
        again_s = (await _download(url))[1]
    figure = EVENTS / seconds
    measure = f"download of {EVENTS:,} events, {size_bytes // MEGABYTE} MB"
    return [
        rate("P9", measure, ceiling=ceiling, what="bare COPY TO", figure=figure, aim="bounded memory"),
        cost(
            "P9", "… peak memory of the process", ceiling=f"{at_rest} MB at rest", figure=peak, unit="MB", aim="bounded"
        ),
        Row("P9", "… first byte; the same link again", "", f"{first_byte_s:.1f} s; {again_s:.1f} s", "", ""),
    ]


async def _fill(on: Stage, now: datetime) -> None:
    for day in range(DAYS + 1, -1, -1):
        await keep_partitions_at(on.deps, now - timedelta(days=day))
    began = time.perf_counter()
    connection = await _connected(on)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(FILL, on.accounts[0].id, now, EVENTS, timedelta(days=DAYS), timeout=600)
    await connection.execute("VACUUM ANALYZE event", timeout=600)
    await connection.close()
    print(f"p9: {EVENTS:,} events written in {time.perf_counter() - began:.0f} s")


async def _bare(on: Stage) -> float:
    """Events a second of one COPY of the stored rows, thrown away."""
    connection = await _connected(on)

    async def away(_: bytes) -> None:
        return

    began = time.perf_counter()
    await connection.copy_from_query("SELECT created_at, body FROM event", output=away, format="csv", timeout=600)
    seconds = time.perf_counter() - began
    await connection.close()
    return EVENTS / seconds


async def _download(url: str) -> tuple[float, float, int, int]:
    """Seconds to the first byte and in all, lines, bytes."""
    began, first, lines, size = time.perf_counter(), 0.0, 0, 0
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        async for chunk in answer.content.iter_chunked(MEGABYTE):
            first = first or time.perf_counter() - began
            lines += chunk.count(b"\n")
            size += len(chunk)
    return first, time.perf_counter() - began, lines, size


async def _connected(on: Stage) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(on.deps.settings.reached_postgres)
