"""The documents of the surfaces that a process serves, and a page for each of OpenAPI: built once, at its start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from callmark import __version__
from callmark.domain.deps import Deps
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.http import ERROR_PAGES
from callmark.surfaces.reference.asyncapi import asyncapi
from callmark.surfaces.reference.components import Json
from callmark.surfaces.reference.error_help import FAULTS, OUTCOMES
from callmark.surfaces.reference.error_pages import error_pages, parts
from callmark.surfaces.reference.openapi import openapi

# The viewer sets styles through the DOM, which `style-src` does not hold, and shows its icons from data: addresses.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class _Viewed:
    """An OpenAPI document, and the page that shows it."""

    name: str
    path: str
    page: str
    document: Json


def routes(deps: Deps, roles: frozenset[str]) -> list[BaseRoute]:
    """The documents of the surfaces that these roles serve."""
    return list(_routes(deps.public_url, roles, emulator=deps.settings.emulator))


@cache
def _routes(url: str, roles: frozenset[str], *, emulator: bool) -> Sequence[BaseRoute]:
    viewed = _viewed(url, roles, emulator=emulator)
    found: list[BaseRoute] = []
    if "gateway" in roles:
        found.append(_document("/asyncapi.json", asyncapi(url, __version__)))
    for one in viewed:
        html = _templates.get_template("docs.html").render(
            version=__version__, shown=one, viewed=viewed, gateway="gateway" in roles, emulator=emulator
        )
        found.append(_document(one.path, one.document))
        found.append(_page(one.page, html))
    return [*found, *_error_routes(viewed)]


def _error_routes(viewed: Sequence[_Viewed]) -> Iterator[Route]:
    """The pages that error answers link to; in every process, because each may answer with an error."""
    pages = error_pages(one.document for one in viewed)
    kinds = {"The record is invalid": FAULTS, "The record was not shown": OUTCOMES}
    listing = _templates.get_template("errors.html").render(version=__version__, parts=parts, pages=pages, kinds=kinds)
    yield _page(ERROR_PAGES.rstrip("/"), listing)
    template = _templates.get_template("error.html")
    for page in pages:
        yield _page(page.path, template.render(version=__version__, parts=parts, page=page))


def _viewed(url: str, roles: frozenset[str], *, emulator: bool) -> list[_Viewed]:
    found: list[_Viewed] = []
    if "api" in roles:
        found.append(_Viewed("Business API", "/openapi.json", "/docs", openapi(ROUTES, url, __version__)))
    if "gateway" in roles:
        from callmark.surfaces.gateway.http_verbs import TABLE
        from callmark.surfaces.reference.handset_doc import handset_openapi

        told = handset_openapi(TABLE, url, __version__)
        found.append(_Viewed("Handsets", "/handset/openapi.json", "/docs/handset", told))
    if emulator:
        from callmark.surfaces.reference.emulator_doc import emulator_openapi

        found.append(
            _Viewed("Emulator", "/emulator/openapi.json", "/docs/emulator", emulator_openapi(url, __version__))
        )
    return found


def _document(path: str, document: Json) -> Route:
    # Anyone may read the documents, so that viewers and generators elsewhere can be pointed at them.
    return _fixed(path, msgspec.json.encode(document), "application/json", {"Access-Control-Allow-Origin": "*"})


def _page(path: str, html: str) -> Route:
    return _fixed(path, html.encode(), "text/html; charset=utf-8", _PAGE_HEADERS)


def _fixed(path: str, body: bytes, media_type: str, headers: dict[str, str]) -> Route:
    """A body that never changes while the process runs; 304 for a client that has it."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    told = headers | {"ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
            return Response(status_code=304, headers=told)
        return Response(body, headers=told, media_type=media_type)

    return Route(path, answer, methods=["GET"])
