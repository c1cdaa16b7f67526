"""The emulator's pages: a virtual handset, the wall of them, the controls, an example client. Scripts fill them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.surfaces.emulator import wire
from callmark.surfaces.emulator.faults import KNOWN
from callmark.surfaces.emulator.walk import CALLER

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def headers(public_url: str) -> dict[str, str]:
    """Headers of every page. Logos come from `public_url`, which need not be the address the page was opened by."""
    parts = urlsplit(public_url)
    logos = f"{parts.scheme}://{parts.netloc}"
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        f" img-src 'self' data: {logos}; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


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
        phone = wire.phone(request.path_params["phone"], "the phone number in the path")
        html = templates.get_template("handset.html").render(phone=phone, caller=CALLER)
        return HTMLResponse(html, headers=headers(deps.public_url))

    return show
