"""The operator's view of background work: batches, listing jobs, deliveries, mails, periodic jobs."""

from typing import ClassVar
from uuid import UUID

from starlette.responses import Response

from callmark.domain.background import service as background
from callmark.domain.background.service import Queues
from callmark.domain.ids import MailId
from callmark.domain.policy.model import Action
from callmark.kit.errors import NotFound
from callmark.surfaces.console import display_names
from callmark.surfaces.console.mailed import why_waiting
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get, post

URL = "/console/operator/queues"


class QueuesPage(Page, frozen=True):
    """How every kind of work stands; `sends_mail`: whether a mail server is set; `catches`: the emulator's way.

    `too_late`: the mails that nobody can send again.
    """

    template: ClassVar[str] = "queues/queues.html"
    found: Queues
    sends_mail: bool
    catches: bool
    too_late: frozenset[UUID]
    most_mails: int = background.MOST_MAILS


async def show_queues(request: ConsoleRequest) -> Response:
    """The tables; the page asks again every few seconds."""
    settings = request.deps.settings
    found = await background.look_at_queues(request.deps)
    now = request.deps.clock.now()
    too_late = frozenset(mail.id for mail in found.mails if mail.is_too_late(now))
    return page(request, QueuesPage(found, bool(settings.smtp_host), settings.catches_mails, too_late))


async def send_again(request: ConsoleRequest) -> Response:
    """Makes a mail due now, unless it has been sent since the page was shown."""
    try:
        to = await background.send_again(request.deps, request.id(MailId), by=request.by)
    except NotFound as gone:
        return request.go(URL, gone.message, "warning")
    return await _go_sending(request, f"The email to {to} is being sent again.")


async def send_all_again(request: ConsoleRequest) -> Response:
    """Makes every mail that could not be sent due now."""
    count = await background.send_all_again(request.deps, by=request.by)
    if not count:
        return request.go(URL, "There are no unsent emails.", "warning")
    return await _go_sending(request, f"Sending {display_names.count(count, 'email')} again.")


async def _go_sending(request: ConsoleRequest, said: str) -> Response:
    if why := await why_waiting(request):
        return request.go(URL, f"Nothing is sent yet: {why}. What was to be sent again waits.", "warning")
    return request.go(URL, said)


ROUTES = (
    get("/operator/queues", show_queues, Action.OPERATE),
    post("/operator/queues/mails/send-again", send_all_again, Action.OPERATE),
    post("/operator/queues/mails/{id}/send-again", send_again, Action.OPERATE),
)
