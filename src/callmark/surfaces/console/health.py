"""The operator's view of the installation's health."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import health as access
from callmark.domain.access.health import Health
from callmark.domain.policy.model import Action
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get, post

URL = "/console/operator/health"


@dataclass(frozen=True)
class HealthPage(Page):
    """What was looked at, and when by the real clock; `sends_mail`: whether there is a mail server to try."""

    template: ClassVar[str] = "health/health.html"
    health: Health
    real_now: datetime
    sends_mail: bool


async def show_health(request: ConsoleRequest) -> Response:
    """The page; it asks again every few seconds."""
    health = await access.look(request.deps)
    return page(request, HealthPage(health, request.deps.real_clock.now(), bool(request.deps.settings.smtp_host)))


async def probe_mail(request: ConsoleRequest) -> Response:
    """Tries the mail server."""
    why = await access.probe_mail(request.deps)
    if why == "":
        return request.go(URL, "No mail server is configured.", "warning")
    if why is None:
        return request.go(URL, "The mail server works and accepts the login.")
    return request.go(URL, f"The mail server cannot be used: {why}.", "danger")


ROUTES = (
    get("/operator/health", show_health, Action.OPERATE),
    post("/operator/health/mail", probe_mail, Action.OPERATE),
)
