"""`GET /logos/<sha256>.png`: logos, public and cacheable without end because their address is their content."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmark.domain.deps import Deps
from callmark.domain.labels import service as labels
from callmark.kit.errors import NotFound
from callmark.surfaces.http import is_held

_HEX_DIGITS = frozenset("0123456789abcdef")
_NAME_LENGTH = 64
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def routes(deps: Deps) -> list[Route]:
    """The one route of logos; its errors are rendered by the application."""

    async def logo(request: Request) -> Response:
        return await _serve(deps, request.path_params["name"], request.headers.get("If-None-Match", ""))

    return [Route("/logos/{name}.png", logo, methods=["GET"])]


async def _serve(deps: Deps, name: str, if_none_match: str) -> Response:
    """The PNG, or 304 for a caller that holds it. Raises NotFound, also for a name that no logo can have."""
    if len(name) != _NAME_LENGTH or not _HEX_DIGITS.issuperset(name):
        raise NotFound
    tag = f'"{name}"'
    headers = _HEADERS | {"ETag": tag}
    if is_held(if_none_match, tag):  # its content cannot have changed, so the store is not asked
        return Response(status_code=304, headers=headers)
    png = await labels.logo_png(deps, bytes.fromhex(name))
    if png is None:
        raise NotFound
    return Response(png, media_type="image/png", headers=headers)
