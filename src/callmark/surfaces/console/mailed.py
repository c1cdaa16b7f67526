"""What pages say when an email was written: that it is on its way, why it waits, or where the emulator shows it."""

from starlette.responses import Response

from callmark.kit.installation import why_mails_wait
from callmark.surfaces.console.request import ConsoleRequest

CAUGHT_AT = "/emulator/mails"


def shown_at(request: ConsoleRequest) -> str:
    """The page that shows emails instead of sending them; empty outside the emulator."""
    return CAUGHT_AT if request.deps.settings.catches_mails else ""


async def why_waiting(request: ConsoleRequest) -> str:
    """Why no email leaves this installation, in words; empty where they leave."""
    async with request.deps.db.connection() as tx:
        return await why_mails_wait(tx, request.deps.settings)


async def go_mailed(request: ConsoleRequest, url: str, what: str, to: str, more: str = "") -> Response:
    """To another page, which says where the email (`what`) to that address is; `more` follows."""
    if why := await why_waiting(request):
        said = f"{what} to {to} is written, but not sent: {why}. It waits."
        return request.go(url, f"{said} {more}".rstrip(), "warning")
    if where := shown_at(request):
        said = f"{what} to {to} is written. The emulator sends no emails: read it at {where}."
        return request.go(url, f"{said} {more}".rstrip())
    return request.go(url, f"{what} is on its way to {to}. {more}".rstrip())
