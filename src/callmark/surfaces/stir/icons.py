"""`GET /brand/<sha256>-<side>x<side>.png`: icons that signed calls name; what is at an address never changes."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import SIDES
from callmark.domain.deps import Deps
from callmark.kit.errors import NotFound
from callmark.surfaces.assets import FOR_EVER
from callmark.surfaces.http import is_held

_NAME = re.compile(rf"([0-9a-f]{{64}})-({'|'.join(map(str, SIDES))})x\2", re.ASCII)
_HEADERS = {
    "Cache-Control": FOR_EVER,
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def routes(deps: Deps) -> list[Route]:
    """The one route of icons; its errors are rendered by the application."""

    async def icon(request: Request) -> Response:
        name = _NAME.fullmatch(request.path_params["name"])
        if not name:
            raise NotFound
        headers = _HEADERS | {"ETag": f'"{name[0]}"'}
        if is_held(request.headers.get("If-None-Match", ""), headers["ETag"]):  # it cannot have changed
            return Response(status_code=304, headers=headers)
        png = await brand_icons.icon_png(deps, bytes.fromhex(name[1]), int(name[2]))
        return Response(png, media_type="image/png", headers=headers)

    return [Route("/brand/{name}.png", icon, methods=["GET"])]
