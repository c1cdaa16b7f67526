"""The caught mails: `GET` and `DELETE /emulator/v1/mails` for scripts, `/emulator/mails` for people."""

import re

from markupsafe import Markup, escape
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.kit.clock import iso_ms
from callmark.surfaces.emulator.pages import headers, templates
from callmark.surfaces.emulator.routing import control_route
from callmark.surfaces.http import Response, render

MOST_SHOWN = 1000


class MailOut(Struct, frozen=True):
    """A mail as it would have gone out."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: str


_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")


def linked(text: str) -> Markup:
    """A mail's text as HTML, with its links to be followed."""
    parts: list[Markup] = []
    end = 0
    for found in _LINK.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<a href="{0}">{0}</a>').format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def mail_routes(deps: Deps) -> list[BaseRoute]:
    """Mails that the platform wrote, oldest first; a mail is there as soon as what it tells of is committed."""

    async def kept() -> list[MailOut]:
        async with deps.db.connection() as tx:
            found = await mail.list_mails(tx, MOST_SHOWN)
        return [MailOut(str(one.id), one.to, one.subject, one.text, one.html, iso_ms(one.created_at)) for one in found]

    async def list_mails(_: Request) -> Response:
        return render(await kept())

    async def show_mails(_: Request) -> HTMLResponse:
        html = templates.get_template("mails.html").render(mails=list(reversed(await kept())), linked=linked)
        return HTMLResponse(html, headers=headers(deps.public_url))

    async def delete_mails(_: Request) -> Response:
        async with deps.db.connection() as tx:
            await mail.forget_all(tx)
        return Response(204, headers=[])

    return [
        control_route("mails", GET=list_mails, DELETE=delete_mails),
        Route("/emulator/mails", show_mails, methods=["GET"]),
    ]
