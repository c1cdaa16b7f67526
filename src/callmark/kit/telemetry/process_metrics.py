"""What a process knows of itself, as metrics: which code and zone data it has, its connections, its loop, its parts."""

import asyncio
import json
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from prometheus_client.core import Metric

from callmark import __version__
from callmark.kit.disk_room import free_bytes
from callmark.kit.fabric.client import Fabric
from callmark.kit.health import Health
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.migrate import head
from callmark.kit.settings import Settings
from callmark.kit.telemetry.line_writer import LineWriter
from callmark.kit.telemetry.metrics import ReadMetric, gauge, histogram
from callmark.zone_data import zone_data

_BUILD = gauge(
    "callmark_build_info",
    "1 for the code that runs: its version, its commit where the package was installed from one, and the version of its"
    " time zone data.",
    ["version", "commit", "zone_data"],
)
_PROCESS = gauge(
    "callmark_process_info", "1 for this process: its name, and the roles that it serves.", ["process", "roles"]
)
_SCHEMA_NEWEST = gauge("callmark_schema_newest", "Newest schema migration that this version has.")
_LOOP_LAG = histogram(
    "callmark_event_loop_lag_seconds",
    "How late the event loop ran what was due, for each quarter of a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_POOL_SIZE = ReadMetric(
    "callmark_pool_size", "gauge", "Most database connections that the pool may open (CALLMARK_POOL_SIZE)."
)
_POOL = ReadMetric(
    "callmark_pool_connections", "gauge", "Open database connections of the pool: in_use or idle.", ["state"]
)
_POOL_WAITING = ReadMetric(
    "callmark_pool_waiting", "gauge", "Tasks that wait for a database connection at this moment."
)
_NATS = ReadMetric("callmark_nats_connected", "gauge", "1 while there is a connection to NATS, else 0.")
_PARTS = ReadMetric(
    "callmark_part_working", "gauge", "1 for a part of this process that does its work, else 0.", ["part"]
)
_UNITS = ReadMetric(
    "callmark_unit_working",
    "gauge",
    "1 for a process or engine of this `callmark serve` that does its work, else 0. Each process reports all of them;"
    " `admin_port` is the first of theirs.",
    ["unit", "admin_port"],
)
_RESTARTS = ReadMetric(
    "callmark_unit_restarts_total",
    "counter",
    "How often a process or engine of this `callmark serve` was started again. Each process reports all of them;"
    " `admin_port` is the first of theirs.",
    ["unit", "admin_port"],
)
_FREE = ReadMetric("callmark_data_free_bytes", "gauge", "Free space of the disk that the data directory is on.")
_LINES_LOST = ReadMetric(
    "callmark_log_lines_lost_total", "counter", "Lines of this process's log that could not be written."
)

_EVERY_S = 0.25


def name_process(process: str, roles: str) -> None:
    """Makes the metrics say which code and which process this is."""
    _BUILD.labels(*code_version(), zone_data().used).set(1)
    _PROCESS.labels(process, roles).set(1)
    _SCHEMA_NEWEST.set(head())


def code_version() -> tuple[str, str]:
    """The version, and the commit that the package was installed from; empty where that is not known."""
    try:
        text = distribution("callmark").read_text("direct_url.json") or "{}"
    except PackageNotFoundError:  # a copied source tree
        text = "{}"
    origin: dict[str, Any] = json.loads(text)
    return __version__, origin.get("vcs_info", {}).get("commit_id", "")


async def watch_loop() -> None:
    """Measures without end how late the event loop is."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        _count_late(loop.time() - due)


def _count_late(late_s: float) -> None:
    """Also for each look that fell out: a loop that stood still for 3 s of 30 would else be late in 1 of 100."""
    _LOOP_LAG.observe(max(late_s, 0))
    while (late_s := late_s - _EVERY_S) > 0:
        _LOOP_LAG.observe(late_s)


def read_process(settings: Settings, db: Database, fabric: Fabric, health: Health) -> list[Metric]:
    """What the process knows of itself, as of now; asks no engine."""
    pool, restarts, troubles = db.pool_state(), health.restarts(), health.beside()
    port = str(settings.admin_port or "")  # tells two `callmark serve` of one host apart
    return [
        _POOL_SIZE.of(pool.most),
        _POOL.of({("in_use",): pool.in_use, ("idle",): pool.idle}),
        _POOL_WAITING.of(pool.waiting),
        _NATS.of(fabric.connected),
        _PARTS.of({(part.name,): part.ok for part in health.parts()}),
        _UNITS.of({(unit, port): unit not in troubles for unit in restarts}),
        _RESTARTS.of({(unit, port): count for unit, count in restarts.items()}),
        _FREE.of(free_bytes(settings.data)),
        _LINES_LOST.of(LineWriter.lost_ever),
    ]
