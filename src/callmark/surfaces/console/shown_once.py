"""Pages that show a new secret once. The form answers with a redirect, so that a reload makes nothing again."""

from typing import ClassVar, TypeVar

import msgspec
from starlette.responses import Response

from callmark.domain.sessions import handovers
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.observed import is_head

Shown = TypeVar("Shown", bound=Page)
_GONE = 404
"""As for an address that never was: nobody learns from it whether there was a secret."""


class ShownBeforePage(Page, frozen=True):
    """Says that a secret was shown, and what to do without it; `back` is the list it belongs to."""

    template: ClassVar[str] = "kit/shown_before.html"
    title: str
    to_do: str
    back: tuple[str, str]


async def show_once(request: ConsoleRequest, to: str, shown: Page) -> Response:
    """To the page below `to` that shows this context, once, to this session alone."""
    content = msgspec.json.encode(shown)
    token = await handovers.hand_to_session(request.deps, request.live_session, shown.template, content)
    return request.go(f"{to}/{token}")


async def shown_page(request: ConsoleRequest, kind: type[Shown], otherwise: ShownBeforePage) -> Response:
    """The page whose context was handed over, or what says that it was shown before. `HEAD` takes nothing."""
    read = handovers.look if is_head(request.http.scope) else handovers.take
    content = await read(request.deps, request.live_session, kind.template, str(request.http.path_params["token"]))
    if content is None:
        return page(request, otherwise, _GONE)
    return page(request, msgspec.json.decode(content, type=kind))
