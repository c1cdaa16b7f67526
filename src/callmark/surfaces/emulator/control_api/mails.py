"""The caught mails: `GET` and `DELETE /emulator/v1/mails`."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.instants import iso_ms
from callmark.surfaces.api.own.shapes import Instant
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.http import Response, render

MOST_SHOWN = 1000


class MailOut(Struct, frozen=True):
    """A mail as it would have gone out."""

    id: Annotated[str, Meta(description="Its id.")]
    to: Annotated[str, Meta(description="Who it goes to.")]
    subject: Annotated[str, Meta(description="Its subject.")]
    text: Annotated[str, Meta(description="As plain text.")]
    html: Annotated[str, Meta(description="The mail as HTML.")]
    created_at: Annotated[Instant, Meta(description="When it was written, by the product clock.")]


async def caught_mails(deps: Deps) -> list[MailOut]:
    """The latest mails that the platform wrote, oldest first."""
    async with deps.db.connection() as tx:
        found = await mail.list_mails(tx, MOST_SHOWN)
    return [MailOut(str(one.id), one.to, one.subject, one.text, one.html, iso_ms(one.created_at)) for one in found]


def mail_routes(deps: Deps) -> list[BaseRoute]:
    """Mails that the platform wrote, oldest first; a mail is there as soon as what it tells of is committed."""

    async def list_mails(_: Request) -> Response:
        return render(await caught_mails(deps))

    async def delete_mails(_: Request) -> Response:
        async with deps.db.connection() as tx:
            await mail.forget_all(tx)
        return Response(204, headers=[])

    return [control_route("mails", GET=list_mails, DELETE=delete_mails)]
