"""The documents of the surfaces that a process serves, a page for each of OpenAPI, and the pages of errors.

Each is made when it is first asked for: all of them together take as long as the rest of a process' start.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import msgspec
from jinja2 import FileSystemLoader
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from callmark import __version__
from callmark.domain.deps import Deps
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.http import ERROR_PAGES, is_held
from callmark.surfaces.reference.error_help import FAULTS, HELP, OUTCOMES
from callmark.surfaces.reference.error_pages import SlugPage, error_pages, parts
from callmark.surfaces.templates import templates_of

# The viewer sets styles through the DOM, which `style-src` does not hold, and shows its icons from data: addresses.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
# Anyone may read the documents, so that viewers and generators elsewhere can be pointed at them.
_DOCUMENT_HEADERS = {"Access-Control-Allow-Origin": "*"}
templates = templates_of(FileSystemLoader(Path(__file__).parent / "templates"))


class _Viewed(Struct, frozen=True):
    """An OpenAPI document, and the page that shows it."""

    name: str
    path: str
    page: str
    make: Callable[[str], Json]
    """The document of an installation at this address."""


class _Fixed(Struct, frozen=True):
    """A body that never changes while the process runs."""

    body: bytes
    media_type: str
    headers: Mapping[str, str]

    def answer(self, known: str) -> Response:
        """304 for a client that says in `If-None-Match` that it has the body."""
        tag = f'"{sha256(self.body).hexdigest()[:32]}"'
        told = {**self.headers, "ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        if is_held(known, tag):
            return Response(status_code=304, headers=told)
        return Response(self.body, headers=told, media_type=self.media_type)


def routes(deps: Deps, roles: frozenset[str]) -> list[BaseRoute]:
    """The documents of the surfaces that these roles serve."""
    url, emulator = deps.public_url, deps.settings.emulator
    viewed = [one for one, is_served in _viewed(roles, emulator=emulator) if is_served]
    found: list[BaseRoute] = []
    if "gateway" in roles:
        found.append(_route("/asyncapi.json", partial(_document, _asyncapi, url)))
    for shown in viewed:
        told = {"shown": shown, "viewed": viewed, "gateway": "gateway" in roles, "emulator": emulator}
        found.append(_route(shown.path, partial(_document, shown.make, url)))
        found.append(_route(shown.page, partial(_page, "docs.html", **told)))
    return [*found, *_error_routes(viewed, url)]


def _viewed(roles: frozenset[str], *, emulator: bool) -> list[tuple[_Viewed, bool]]:
    """Each document, and whether it is served."""
    return [
        (_Viewed("Business API", "/openapi.json", "/docs", _business), "api" in roles),
        (_Viewed("Handsets", "/handset/openapi.json", "/docs/handset", _handset), "gateway" in roles),
        (_Viewed("Signed calls", "/stir/openapi.json", "/docs/stir", _stir), "stir" in roles),
        (_Viewed("Emulator", "/emulator/openapi.json", "/docs/emulator", _emulator), emulator),
    ]


def _error_routes(viewed: Sequence[_Viewed], url: str) -> Iterator[Route]:
    """The pages that error answers link to; in every process, because each may answer with an error."""

    @cache
    def pages() -> Mapping[str, SlugPage]:
        return {page.slug: page for page in error_pages(one.make(url) for one in viewed)}

    def overview() -> _Fixed:
        kinds = {"The record is invalid": FAULTS, "The record was not shown": OUTCOMES}
        return _page("errors.html", parts=parts, pages=pages().values(), kinds=kinds)

    def page_of(slug: str) -> _Fixed:
        return _page("error.html", parts=parts, page=pages()[slug])

    yield _route(ERROR_PAGES.rstrip("/"), overview)
    for slug in HELP:
        yield _route(f"{ERROR_PAGES}{slug}", partial(page_of, slug))


def _route(path: str, make: Callable[[], _Fixed]) -> Route:
    made = cache(make)

    async def answer(request: Request) -> Response:
        fixed = await asyncio.to_thread(made)  # the first time it takes a while, and no push may wait for it
        return fixed.answer(request.headers.get("if-none-match", ""))

    return Route(path, answer, methods=["GET"])


def _document(make: Callable[[str], Json], url: str) -> _Fixed:
    return _Fixed(msgspec.json.encode(make(url)), "application/json", _DOCUMENT_HEADERS)


def _page(template: str, **told: object) -> _Fixed:
    html = templates.get_template(template).render(version=__version__, **told)
    return _Fixed(html.encode(), "text/html; charset=utf-8", _PAGE_HEADERS)


def _asyncapi(url: str) -> Json:
    from callmark.surfaces.reference.asyncapi import asyncapi

    return asyncapi(url, __version__)


@cache
def _business(url: str) -> Json:
    from callmark.surfaces.api.routes import ROUTES
    from callmark.surfaces.reference.openapi import openapi

    return openapi(ROUTES, url, __version__)


@cache
def _handset(url: str) -> Json:
    from callmark.surfaces.gateway.http_verbs import TABLE
    from callmark.surfaces.reference.handset_doc import handset_openapi

    return handset_openapi(TABLE, url, __version__)


@cache
def _stir(url: str) -> Json:
    from callmark.surfaces.reference.stir_doc import stir_openapi

    return stir_openapi(url, __version__)


@cache
def _emulator(url: str) -> Json:
    from callmark.surfaces.reference.emulator_doc import emulator_openapi

    return emulator_openapi(url, __version__)
