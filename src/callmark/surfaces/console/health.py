"""The operator's view of the installation's health."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.policy.model import Action
from callmark.kit import checks
from callmark.kit.checks import CheckResult
from callmark.kit.heartbeats import Heartbeat, clock_offset, heartbeats
from callmark.kit.outbound import smtp
from callmark.kit.roles import NEEDED_KINDS
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get, post

URL = "/console/operator/health"


class InstallationHealth(Struct, frozen=True):
    """What was checked, the processes by kind, and how far the product clock is from the real one (emulator)."""

    findings: list[CheckResult]
    processes: list[Heartbeat]
    clock_offset: timedelta

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention."""
        return all(finding.ok for finding in self.findings)


class HealthPage(Page, frozen=True):
    """What was checked, and when by the real clock; `sends_mail`: whether there is a mail server to try."""

    template: ClassVar[str] = "health/health.html"
    health: InstallationHealth
    real_now: datetime
    sends_mail: bool


async def show_health(request: ConsoleRequest) -> Response:
    """The page; it asks again every few seconds."""
    health = await _look(request.deps)
    return page(request, HealthPage(health, request.deps.real_clock.now(), bool(request.deps.settings.smtp_host)))


async def probe_mail(request: ConsoleRequest) -> Response:
    """Tries the mail server."""
    settings = request.deps.settings
    if not settings.smtp_host:
        return request.go(URL, "No mail server is configured.", "warning")
    why = await smtp.probe(settings)
    if why is None:
        return request.go(URL, "The mail server works and accepts the login.")
    return request.go(URL, f"The mail server cannot be used: {why}.", "danger")


async def _look(deps: Deps) -> InstallationHealth:
    """As of now. Asks no mail server, because the page asks this every few seconds (a button does)."""
    async with deps.db.connection() as tx:
        found = [
            await checks.postgres_version(tx),
            await checks.encoding(tx),
            await checks.locale(tx),
            await checks.schema(tx),
            await checks.connections(tx),
            await checks.database_size(tx),
            await checks.clock(tx, deps.real_clock),
            checks.time_zones(),
            await mail.check(tx, deps.settings, probes=False),
            await checks.outgoing(tx),
        ]
    processes = await heartbeats(deps.db)
    findings = [_nats(deps), *found, checks.disk(deps.settings.data), checks.alive(processes, NEEDED_KINDS)]
    return InstallationHealth(findings, processes, await clock_offset(deps.db))


def _nats(deps: Deps) -> CheckResult:
    if not deps.fabric.connected:
        return CheckResult(
            "nats", ok=False, detail="not connected", advice="Start the server. Pushes wait until it is back."
        )
    return checks.nats(deps.fabric.server_version)


ROUTES = (
    get("/operator/health", show_health, Action.OPERATE),
    post("/operator/health/mail", probe_mail, Action.OPERATE),
)
