"""The emulator's pages: a virtual handset, the wall of them, the controls, an example client. Scripts fill them."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.faults import KNOWN
from callmark.surfaces.emulator.curl_example import CALLER
from callmark.surfaces.emulator.pages.rendering import headers, templates


def page_routes(deps: Deps) -> list[BaseRoute]:
    """`/emulator`, `/emulator/client`, `/emulator/handsets` and `/emulator/handsets/{phone}`."""
    return [
        Route("/emulator", _page(deps, "emulator.html"), methods=["GET"]),
        Route("/emulator/client", _page(deps, "client.html"), methods=["GET"]),
        Route("/emulator/handsets", _page(deps, "wall.html"), methods=["GET"]),
        Route("/emulator/handsets/{phone}", _handset(deps), methods=["GET"]),
    ]


def _page(deps: Deps, name: str) -> Callable[[Request], Awaitable[HTMLResponse]]:
    async def show(_: Request) -> HTMLResponse:
        html = templates.get_template(name).render(errors=list(KNOWN.items()))
        return HTMLResponse(html, headers=headers(deps.public_url))

    return show


def _handset(deps: Deps) -> Callable[[Request], Awaitable[HTMLResponse]]:
    async def show(request: Request) -> HTMLResponse:
        phone = wire.path_phone(request)
        html = templates.get_template("handset.html").render(phone=phone, caller=CALLER)
        return HTMLResponse(html, headers=headers(deps.public_url))

    return show
