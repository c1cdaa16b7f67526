"""The page of caught mails, `/emulator/mails`."""

import re

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.control_api.mails import caught_mails
from callmark.surfaces.emulator.pages.rendering import headers, templates

_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")


def linked(text: str) -> Markup:
    """A mail's text as HTML, with its links to be followed."""
    parts: list[Markup] = []
    end = 0
    for found in _LINK.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<a href="{0}">{0}</a>').format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def mail_page_routes(deps: Deps) -> list[BaseRoute]:
    """Mails that the platform wrote, newest first."""

    async def show_mails(_: Request) -> HTMLResponse:
        mails = list(reversed(await caught_mails(deps)))
        html = templates.get_template("mails.html").render(mails=mails, linked=linked)
        return HTMLResponse(html, headers=headers(deps.public_url))

    return [Route("/emulator/mails", show_mails, methods=["GET"])]
