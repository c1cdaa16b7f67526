"""Whether the installation is well, for operators: its engines, processes, clock and disk."""

from dataclasses import dataclass
from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.kit import checks, smtp
from callmark.kit.checks import Finding
from callmark.kit.db import Tx
from callmark.kit.heartbeats import Heartbeat, clock_offset, heartbeats

_KINDS = ("http", "worker")
"""Kinds of process without one of which an installation does not work."""


@dataclass(frozen=True)
class Health:
    """What was looked at, the processes by kind, and how far the product clock is from the real one (emulator)."""

    findings: list[Finding]
    processes: list[Heartbeat]
    clock_offset: timedelta

    @property
    def is_well(self) -> bool:
        """Whether nothing needs anybody."""
        return all(finding.ok for finding in self.findings)


async def look(deps: Deps) -> Health:
    """As of now. Asks no mail server, because the page asks this every few seconds; see `probe_mail`."""
    async with deps.db.connection() as tx:
        found = [
            await checks.postgres_version(tx),
            await checks.schema(tx),
            await _connections(tx),
            await _size(tx),
            await checks.clock(tx, deps.real_clock),
            await _mail(deps, tx),
        ]
    processes = await heartbeats(deps.db, deps.real_clock)
    findings = [_nats(deps), *found, checks.disk(deps.settings.data), _alive(processes)]
    return Health(findings, processes, await clock_offset(deps.db))


async def probe_mail(deps: Deps) -> str | None:
    """Connects to the mail server and logs in; what went wrong, in words, or None. Empty when none is set."""
    return await smtp.probe(deps.settings) if deps.settings.smtp_host else ""


def _nats(deps: Deps) -> Finding:
    if not deps.fabric.connected:
        return Finding(
            "nats", ok=False, detail="not connected", advice="Start the server. Pushes wait until it is back."
        )
    return checks.nats(deps.fabric.server_version)


def _alive(processes: list[Heartbeat]) -> Finding:
    alive = {beat.kind for beat in processes if beat.is_alive}
    missing = [kind for kind in _KINDS if kind not in alive]
    if missing:
        return Finding(
            "processes",
            ok=False,
            detail=f"no report from: {', '.join(missing)}",
            advice="Run `callmark serve` to start all roles.",
        )
    return Finding("processes", ok=True, detail=f"{sum(beat.is_alive for beat in processes)} processes report")


async def _connections(tx: Tx) -> Finding:
    row = await tx.fetchrow(
        "SELECT count(*) AS used, current_setting('max_connections')::integer AS most FROM pg_stat_activity"
        " WHERE backend_type = 'client backend'"
    )
    assert row is not None  # noqa: S101 - an aggregate gives one row
    few = row["used"] * 10 > row["most"] * 9
    advice = "Raise max_connections, or lower CALLMARK_POOL_SIZE or the number of processes." if few else ""
    return Finding(
        "connections", ok=not few, detail=f"{row['used']} of {row['most']} connections are open", advice=advice
    )


async def _size(tx: Tx) -> Finding:
    size: int = await tx.fetchval("SELECT pg_database_size(current_database())")
    return Finding("database size", ok=True, detail=f"{size / 1024**2:,.0f} MiB")


async def _mail(deps: Deps, tx: Tx) -> Finding:
    waiting = await mail.count_waiting(tx)
    if deps.settings.emulator:
        return Finding("mail", ok=True, detail="the emulator keeps emails and does not send them")
    if deps.settings.smtp_host:
        return Finding("mail", ok=True, detail=f"sent through {deps.settings.smtp_host}; {waiting} waiting")
    advice = "Set CALLMARK_SMTP_HOST and CALLMARK_MAIL_FROM to send them." if waiting else ""
    return Finding("mail", ok=not waiting, detail=f"no mail server is configured; {waiting} waiting", advice=advice)
