"""What the database knows of the whole installation, as metrics: one process reads it for all.

That is the eldest process that serves requests or does work. Others leave these metrics out, so that each fact is given
once, and PostgreSQL is asked once, however many processes are scraped.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client.core import Metric

from callmark.domain.background import service as background
from callmark.domain.background.service import PeriodicJob, Queue
from callmark.domain.deps import Deps
from callmark.domain.personalisation.partitions import DAILY_TABLES
from callmark.domain.signer_certificates import checks as signer_certificates
from callmark.domain.webhooks.dispatch.backlog import Backlog, read_backlog
from callmark.domain.work_names import WorkName
from callmark.kit import checks, patience
from callmark.kit.errors import Unavailable
from callmark.kit.heartbeats import heartbeats_of, is_eldest
from callmark.kit.installation import held_since
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import applied_steps, outstanding
from callmark.kit.postgres.partitions import days_ahead
from callmark.kit.roles import ALL_ROLES, NEEDED_KINDS, kinds_done_by
from callmark.kit.telemetry.metrics import ReadMetric

log = structlog.get_logger(__name__)

READ_AGAIN_AFTER_S = 5.0
"""More scrapers, or impatient ones, get what was read so long ago."""
_WITHIN_S = 5.0

_QUEUE = ReadMetric(
    "callmark_queue_rows",
    "gauge",
    "Background work by queue and state: waiting (due, and nobody's), running, later. Counted up to 10,000.",
    ["queue", "state"],
)
_OLDEST = ReadMetric(
    "callmark_queue_oldest_due_seconds",
    "gauge",
    "For how long the oldest row of a queue has been due without a worker; 0 when none is.",
    ["queue"],
)
_DELIVERIES = ReadMetric(
    "callmark_deliveries_open",
    "gauge",
    "Deliveries that have not ended, by state: waiting (due), retrying, paused (or their account is suspended). Counted"
    " up to 10,000.",
    ["state"],
)
_OVERDUE = ReadMetric(
    "callmark_periodic_overdue_seconds",
    "gauge",
    "For how long a periodic job has been due; 0 when it is not.",
    ["name"],
)
_DAYS = ReadMetric(
    "callmark_partitions_ahead_days",
    "gauge",
    "Days after today, without a gap, that have a partition; -1 when today has none.",
    ["table"],
)
_PROCESSES = ReadMetric("callmark_processes", "gauge", "Processes that are alive, by kind.", ["kind"])
_SCHEMA = ReadMetric("callmark_schema_number", "gauge", "Newest schema migration that the database has.")
_OUTSTANDING = ReadMetric(
    "callmark_migrations_outstanding",
    "gauge",
    "Schema migrations of this version that the database does not have: those of phase `post` wait for an operator.",
)
_HELD = ReadMetric(
    "callmark_outgoing_held", "gauge", "1 while the installation is a copy that sends no webhooks and emails, else 0."
)
_CONNECTIONS = ReadMetric(
    "callmark_database_connections",
    "gauge",
    "Connections open to the PostgreSQL server, or those that count for the limit below.",
)
_MOST_CONNECTIONS = ReadMetric(
    "callmark_database_connections_max",
    "gauge",
    "Connections that are allowed: by the server, the role or the database, whichever limit is nearest.",
)
_SIZE = ReadMetric("callmark_database_size_bytes", "gauge", "Size of the database.")

_CERTIFICATE_ENDS = ReadMetric(
    "callmark_certificate_ends_seconds",
    "gauge",
    "In how long the first certificate ends: of those that calls are signed with, issued here or imported, and of the"
    " trusted roots.",
    ["kind"],
)


class FleetMetrics:
    """The facts as of the last look; of one process."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._facts: list[Metric] = []
        self._read_at = -READ_AGAIN_AFTER_S
        self._reading = asyncio.Lock()

    async def read(self) -> list[Metric]:
        """The facts; none where another process reads them, or PostgreSQL does not answer within five seconds."""
        loop = asyncio.get_running_loop()
        async with self._reading:
            if loop.time() - self._read_at >= READ_AGAIN_AFTER_S:
                try:
                    with patience.of(total_s=_WITHIN_S):
                        self._facts = await self._look()
                except Unavailable as exc:
                    log.warning("fleet_metrics_not_read", error=exc.reason)
                    self._facts = []
                self._read_at = loop.time()
        return self._facts

    async def _look(self) -> list[Metric]:
        deps = self._deps
        async with deps.db.connection() as tx:
            if deps.health.process_id and not await is_eldest(tx, deps.health.process_id, (*NEEDED_KINDS, ALL_ROLES)):
                return []
            queues = await background.look_at_row_works(deps, tx)
            periodic = await background.list_periodic(deps, tx)
            engine = await _engine(deps, tx)
        return [*_queues(deps, queues, await read_backlog(deps)), _periodic(deps, periodic), *engine]


def _queues(deps: Deps, queues: Iterable[Queue], backlog: Backlog) -> Iterable[Metric]:
    now = deps.clock.now()
    oldest = {(queue.name,): _age(queue.oldest_due_at, now) for queue in queues}
    states = {
        (queue.name, state): count
        for queue in queues
        for state, count in (("waiting", queue.waiting), ("running", queue.running), ("later", queue.later))
    }
    yield _QUEUE.of(states)
    yield _OLDEST.of(oldest | {(WorkName.DELIVERIES.value,): _age(backlog.oldest_due_at, now)})
    yield _DELIVERIES.of({("waiting",): backlog.waiting, ("retrying",): backlog.retrying, ("paused",): backlog.paused})


def _periodic(deps: Deps, jobs: Iterable[PeriodicJob]) -> Metric:
    now = deps.clock.now()
    return _OVERDUE.of({(job.name,): 0 if job.is_running else _age(job.due_at, now) for job in jobs})


async def _engine(deps: Deps, tx: Tx) -> list[Metric]:
    real_now = deps.real_clock.now()
    applied = await applied_steps(tx)
    connections = await checks.count_connections(tx)
    alive = Counter(beat.kind for beat in await heartbeats_of(tx) if beat.is_alive)
    ahead = await days_ahead(tx, deps.clock.now().astimezone(UTC).date(), DAILY_TABLES)
    return [
        _DAYS.of({(table,): days for table, days in ahead.items()}),
        _PROCESSES.of({(kind,): alive[kind] for kind in {*NEEDED_KINDS} - kinds_done_by(alive) | alive.keys()}),
        _SCHEMA.of(max(applied, default=0)),
        _OUTSTANDING.of(len(outstanding(applied))),
        _HELD.of(await held_since(tx) is not None),
        _CONNECTIONS.of(connections.used),
        _MOST_CONNECTIONS.of(connections.most),
        _SIZE.of(await checks.size_bytes(tx)),
        _CERTIFICATE_ENDS.of(
            {(kind,): (at - real_now).total_seconds() for kind, at in (await signer_certificates.ends(tx)).items()}
        ),
    ]


def _age(due_at: datetime | None, now: datetime) -> float:
    return max(now - due_at, timedelta()).total_seconds() if due_at else 0
