"""The operator's view of the installation's health."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import health as access
from callmark.domain.access.health import Health
from callmark.domain.policy.model import Action
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import Visit

URL = "/console/operator/health"


@dataclass(frozen=True)
class HealthPage(Page):
    """What was looked at, and when by the real clock; `sends_mail`: whether there is a mail server to try."""

    template: ClassVar[str] = "health/health.html"
    health: Health
    real_now: datetime
    sends_mail: bool


async def show_health(visit: Visit) -> Response:
    """The page; it asks again every few seconds."""
    health = await access.look(visit.deps)
    return page(visit, HealthPage(health, visit.deps.real_clock.now(), bool(visit.deps.settings.smtp_host)))


async def probe_mail(visit: Visit) -> Response:
    """Tries the mail server."""
    why = await access.probe_mail(visit.deps)
    if why == "":
        return visit.go(URL, "No mail server is configured.", "warning")
    if why is None:
        return visit.go(URL, "The mail server works and accepts the login.")
    return visit.go(URL, f"The mail server cannot be used: {why}.", "danger")


ROUTES = (
    get("/operator/health", show_health, Action.OPERATE),
    post("/operator/health/mail", probe_mail, Action.OPERATE),
)
