"""P12: mixed traffic at half of what the installation can do, for an hour; what it holds must not grow.

Sampled: memory that processes allocated themselves, of PostgreSQL for each of its processes (autovacuum's apart: it
comes and goes), open files (of NATS these are its connections), PostgreSQL's connections, the tables that should stay
small and their dead rows (the most in two minutes: autovacuum comes each minute), bytes for each record, how long work
waits, and the latency of a real-time push. `bench.trend` says what is flat. Beside them, and not judged: how quick the
machine is and its disk, because a machine that becomes slower is no leak of ours. `build/soak.json` has the samples.
`make soak` takes an hour, or `BENCH_SOAK_MINUTES`; the standard set has three minutes of it, which find only a fast
leak.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from bench.cpu import kind_of, tree
from bench.disk import flush_ms
from bench.load import Result
from bench.memory import memory_mb, open_files
from bench.mixed_load import Mix, at_a_rate, capacity, mixed
from bench.p5_webhooks import receivers, subscribed
from bench.report import Row, cost
from bench.results import LAST
from bench.stage import connected_handsets, numbers, registered, stage
from bench.trend import Sample, Trend, peaks, trend
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx, fetch_one


class Measure(NamedTuple):
    """What is sampled, and in which unit."""

    name: str
    unit: str


HOUR = 60.0
SHORT = 3.0
"""Minutes in the standard set."""
ACCOUNTS, HANDSETS, ASKING, WEBHOOKS = 16, 500, 8, 5
CALIBRATING_S = 20.0
AUTOVACUUM = "autovacuum"
SAMPLES = 120
MOST_WARNINGS = 20
"""So many kinds of them are shown."""
SAMPLES_FILE = LAST.with_name("soak.json")
LEAST_PAUSE_S = 1.0
SMALL_TABLES = (
    *("request_window", "presence", "gateway", "process", "webhook_queue", "waiting_delivery", "event_counter"),
    *("uncounted_batch", "registration", "access_token", "periodic_job"),
)
"""Those that have as many rows as there are accounts, handsets, or things to do."""
BOUNDS = {"MB": 4.0, "MB each": 0.5, "files": 4.0, "connections": 3.0, "%": 10.0, "B": 20.0, "s": 1.0, "ms": 10.0}
"""What each may grow by in any case, by its unit."""
CACHES_FILL = 4
"""In a run of less than `LONG` minutes each may grow by so many times as much, because caches still fill."""
LONG = 30
VACUUM_SAMPLES = 4
"""So many in a row have seen what is there before autovacuum comes."""
FLUSHES, LOOP = 50, 20_000
DEAD_ROWS = Measure("dead rows in them, beside all, at most", "%")
MACHINE = (Measure("the machine: a fixed loop", "ms"), Measure("the machine: the slowest of 50 flushes", "ms"))


class Soak:
    """The samples of a run."""

    def __init__(self, mix: Mix) -> None:
        self._mix = mix
        self._began = perf_counter()
        self.samples: dict[Measure, list[Sample]] = {}

    async def sample(self) -> None:
        at_s = perf_counter() - self._began
        found = self._of_processes() | await self._of_database() | await asyncio.to_thread(self._of_machine)
        pushes, self._mix.push_s = self._mix.push_s, []
        if pushes:
            found[Measure("latency p99 of a real-time push", "ms")] = Result(pushes).percentile_ms(0.99)
        for measure, value in found.items():
            self.samples.setdefault(measure, []).append(Sample(at_s, value))

    def _of_processes(self) -> dict[Measure, float]:
        memory, files, counted = dict[str, float](), dict[str, float](), Counter[str]()
        for pid in tree(self._mix.on.pid):
            kind = _vacuums_apart(pid)
            memory[kind] = memory.get(kind, 0) + memory_mb(pid).own
            files[kind] = files.get(kind, 0) + open_files(pid)
            counted[kind] += 1
        memory.setdefault(AUTOVACUUM, 0.0)
        each = memory.pop("postgresql") / counted["postgresql"]
        kinds = [kind for kind in memory if kind != "ended"]
        return (
            {Measure(f"memory: {kind}", "MB"): memory[kind] for kind in kinds}
            | {Measure("memory: postgresql, each of its processes", "MB each"): each}
            | {Measure(f"open files: {kind}", "files"): files[kind] for kind in kinds if kind != AUTOVACUUM}
        )

    def _of_machine(self) -> dict[Measure, float]:
        """What does not depend on us; in a thread of its own."""
        began = perf_counter()
        for _ in range(LOOP):
            pass
        loop_ms = (perf_counter() - began) * 1000
        return dict(zip(MACHINE, (loop_ms, flush_ms(self._mix.on.data.parent, FLUSHES)[-1]), strict=True))

    async def _of_database(self) -> dict[Measure, float]:
        deps = self._mix.on.deps
        async with deps.db.connection() as tx:
            row = await fetch_one(tx, _SMALL, list(SMALL_TABLES))
            records = await fetch_one(tx, _RECORDS)
            waiting = await fetch_one(tx, _WAITING, deps.clock.now())
            return {
                Measure("PostgreSQL: connections", "connections"): await _connections(tx),
                Measure("tables that stay small", "MB"): row["bytes"] / 1e6,
                DEAD_ROWS: 100 * row["dead"] / max(1, row["dead"] + row["live"]),
                Measure("call records: bytes each, indexes included", "B"): records["bytes"] / max(1, records["live"]),
                Measure("oldest batch that waits", "s"): waiting["batch_s"],
                Measure("oldest delivery that waits", "s"): waiting["delivery_s"],
            }


def _vacuums_apart(pid: int) -> str:
    kind = kind_of(pid)
    try:
        works = kind == "postgresql" and b"autovacuum worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "ended"
    return AUTOVACUUM if works else kind


_SMALL = """
SELECT sum(pg_total_relation_size(relid))::float8 AS bytes, sum(n_dead_tup)::float8 AS dead,
  sum(n_live_tup)::float8 AS live
FROM pg_stat_user_tables WHERE relname = ANY ($1::text[])
"""
_RECORDS = """
SELECT sum(pg_total_relation_size(relid))::float8 AS bytes, sum(n_live_tup)::float8 AS live
FROM pg_stat_user_tables WHERE relname LIKE 'call\\_record\\_%'
"""
_WAITING = """
SELECT coalesce(extract(epoch FROM $1::timestamptz - (SELECT min(accepted_at) FROM batch WHERE due_at IS NOT NULL)), 0)
    ::float8 AS batch_s,
  coalesce(extract(epoch FROM $1 - (SELECT min(created_at) FROM waiting_delivery)), 0)::float8 AS delivery_s
"""


async def _connections(tx: Tx) -> float:
    return await tx.fetchval(
        "SELECT count(*)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND application_name NOT LIKE '%operator%'"
    )


async def run() -> list[Row]:
    """What the standard set has of it."""
    return await soak(float(os.environ.get("BENCH_SOAK_MINUTES", SHORT)))


async def run_whole() -> list[Row]:
    return await soak(float(os.environ.get("BENCH_SOAK_MINUTES", HOUR)))


async def soak(minutes: float) -> list[Row]:
    async with (
        receivers() as there,
        stage(roles="api,gateway,worker", accounts_count=ACCOUNTS, outgoing="127.0.0.0/8") as on,
    ):
        made = [(await subscribed(on, f"{there.url}/ok"))[0] for _ in range(WEBHOOKS)]
        pushed = numbers(HANDSETS)
        asking = await registered(on, [PhoneNumber(f"9197{number:08d}") for number in range(ASKING)])
        async with connected_handsets(on, pushed), mixed(on, pushed, asking, made) as mix:
            most = await capacity(mix, CALIBRATING_S, ASKING)
            return await _soaked(mix, most / 2, minutes * 60)


async def _soaked(mix: Mix, per_second: float, seconds: float) -> list[Row]:
    soaking, records_before, began = Soak(mix), mix.records, perf_counter()
    mix.push_s = []
    over = asyncio.Event()
    load = asyncio.create_task(at_a_rate(mix, per_second, over.is_set))
    pause = max(LEAST_PAUSE_S, seconds / SAMPLES)
    while not load.done() and perf_counter() - began < seconds:
        await asyncio.sleep(pause)
        await soaking.sample()
    over.set()
    turns = await load
    rate = (mix.records - records_before) / (perf_counter() - began)
    print(f"p12: {turns:,} turns of {per_second:.1f} a second, {rate:,.0f} records a second")
    if mix.refused:
        at = ", ".join(f"{instant - began:.0f}" for instant in mix.refused[:20])
        print(
            f"p12: {len(mix.refused):,} requests were refused with 503 and sent again, {at} seconds after the beginning"
        )
        print(f"p12: the log's warnings, the most frequent first: {_warnings(mix.on.data.parent / 'serve.log')}")
    _save(soaking)
    times = 1 if seconds >= LONG * 60 else CACHES_FILL
    samples = soaking.samples | {DEAD_ROWS: peaks(soaking.samples[DEAD_ROWS], VACUUM_SAMPLES)}
    trends = {measure: trend(found, times * BOUNDS[measure.unit]) for measure, found in samples.items()}
    growing = [measure.name for measure, one in trends.items() if not one.is_flat and measure not in MACHINE]
    what, of = f"soak, {seconds / 60:.0f} min at half load: what grows", f"of {len(trends) - len(MACHINE)}"
    summary = cost("P12", what, ceiling=", ".join([of, *growing]), figure=len(growing), unit="", aim="0")
    return [summary, *(_row(measure, one) for measure, one in trends.items())]


def _save(soaking: Soak) -> None:
    found = {measure.name: [tuple(one) for one in samples] for measure, samples in soaking.samples.items()}
    SAMPLES_FILE.parent.mkdir(exist_ok=True)
    SAMPLES_FILE.write_bytes(msgspec.json.encode(found))


def _warnings(log: Path) -> list[tuple[tuple[str, str], int]]:
    """What a log has that is worse than news, with its reason and how often: the log ends with the installation."""
    counted = Counter[tuple[str, str]]()
    for line in log.read_bytes().splitlines():
        try:
            entry = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            continue
        if entry.get("level") in {"warning", "error", "critical"}:
            counted[entry.get("event", ""), str(entry.get("error", ""))[:200]] += 1
    return counted.most_common(MOST_WARNINGS)


def _row(measure: Measure, one: Trend) -> Row:
    verdict = "flat" if one.is_flat else "GROWS"
    return Row(
        "P12",
        f"… {measure.name}",
        f"{one.first:,.1f} {measure.unit} at first",
        f"{one.last:,.1f} {measure.unit}",
        verdict,
        f"{one.growth:+,.1f}, at most {one.allowance:,.1f}",
    )
