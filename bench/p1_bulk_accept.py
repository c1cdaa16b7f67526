"""P1: bulk records accepted and durable, beside psql's binary COPY of the same rows into a table of the same shape."""

import asyncio
import itertools
import subprocess
from time import perf_counter

import msgspec

from bench.load import closed_loop, request
from bench.report import Row, rate
from bench.stage import Stage, numbers, psql, stage, v1
from callmark.domain.personalisation.batch_rows import COLUMNS
from callmark.domain.personalisation.partitions import CALL_RECORDS
from callmark.kit.postgres.database import own_names

BATCHES = 300
SIZE = 500


async def run() -> list[Row]:
    async with stage(roles="api") as on:
        one = await _accept(on)
        ceiling = await _copy(on)
    async with stage(roles="api", processes=2) as on:
        two = await _accept(on)
    return [
        rate("P1", "bulk accepted, records/s", ceiling=ceiling, what="psql COPY", figure=one, aim="≥ 0.55"),
        rate("P1", "… two processes", ceiling=ceiling, what="psql COPY", figure=two, aim="≥ 0.55"),
    ]


async def _accept(on: Stage) -> float:
    receivers = numbers(SIZE)
    ready: list[bytes] = []
    for account in on.accounts:
        body = msgspec.json.encode({"call_records": [v1(on.record(n, account)) for n in receivers]})
        ready += [request(f"{on.url}/clients/{account.id}/dynamic_call_records", body, t) for t in account.tokens]
    for wanted in ready[:4]:
        await closed_loop(on.url, iter([wanted, None]).__next__, connections=1)
    sending = itertools.chain(itertools.islice(itertools.cycle(ready), BATCHES), itertools.repeat(None))
    result = await closed_loop(on.url, lambda: next(sending), connections=4)
    if result.failures:
        print(f"p1: {result.failures} of {BATCHES} requests were refused")
    return (BATCHES - result.failures) * SIZE / result.seconds


async def _copy(on: Stage) -> float:
    """Rows per second of psql, one connection, into a table like a day of `call_record`, indexes included."""
    dsn = on.deps.settings.reached_postgres
    columns = ", ".join(COLUMNS)
    file = on.data.parent / "rows.bin"
    async with on.deps.db.connection() as tx:
        day = own_names(await tx.fetchval("SELECT tableoid::regclass::text FROM call_record LIMIT 1"))
        await tx.execute(
            f"CREATE TABLE ceiling (LIKE {day} INCLUDING ALL) WITH (fillfactor = {CALL_RECORDS.fillfactor})"
        )
    await asyncio.to_thread(_psql, dsn, f"\\copy (SELECT {columns} FROM call_record) TO '{file}' (FORMAT binary)")
    async with on.deps.db.connection() as tx:
        count = await tx.fetchval("SELECT count(*) FROM call_record")
    began = perf_counter()
    await asyncio.to_thread(_psql, dsn, f"\\copy ceiling ({columns}) FROM '{file}' (FORMAT binary)")
    return count / (perf_counter() - began)


def _psql(dsn: str, command: str) -> None:
    subprocess.run([psql(), dsn, "-q", "-c", command], check=True)
