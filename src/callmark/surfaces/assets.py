"""Styles, scripts and icons of every page: addressed by content, so that they may be kept without end; compressed once.

A page asks for `url("console/console.css")`, which carries the beginning of the file's hash; a file asked for without
it (or with an old one) is still served, to be asked for again.
"""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from mimetypes import guess_type
from pathlib import Path

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from callmark.surfaces.http import accepts_gzip, is_held

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_COMPRESSED = frozenset({".js", ".css", ".svg", ".json", ".txt", ".map", ".html"})
_MOST_FILES = 512

BROUGHT_IN = (
    "vendor/htmx/htmx.min.js",
    "vendor/icons.svg",
    "vendor/swagger-ui-dist/swagger-ui-bundle.js",
    "vendor/swagger-ui-dist/swagger-ui.css",
    "vendor/tabler/tabler.min.css",
    "vendor/uplot/uPlot.iife.min.js",
    "vendor/uplot/uPlot.min.css",
)
"""What pages need and git does not hold: `tools/assets.py` brings it in."""


class Asset(Struct, frozen=True):
    """A file as it is served; `zipped` where that is shorter."""

    body: bytes
    zipped: bytes | None
    version: str
    media_type: str


def url(name: str) -> str:
    """The path of a file below `static/`, with its version."""
    path = _path(name)
    return f"/static/{name}?v={_asset(path, path.stat().st_mtime_ns).version}"


def missing() -> list[str]:
    """Those that are not here."""
    return [name for name in BROUGHT_IN if not (FOLDER / name).is_file()]


def routes() -> list[BaseRoute]:
    """`GET /static/…`: the files that are there at the start, by name; no path that someone sends is ever opened."""
    files = _files()

    async def serve(request: Request) -> Response:
        path = files.get(request.path_params["path"])
        if path is None or not path.is_file():
            raise HTTPException(404)
        return _answer(request, path)

    return [Route("/static/{path:path}", serve, methods=["GET"])]


@cache
def _files() -> Mapping[str, Path]:
    return {str(path.relative_to(FOLDER)): path for path in FOLDER.rglob("*") if path.is_file()}


def _answer(request: Request, path: Path) -> Response:
    asset = _asset(path, path.stat().st_mtime_ns)
    zipped = asset.zipped if accepts_gzip(request.headers.get("accept-encoding", "")) else None
    headers = {
        "Cache-Control": FOR_EVER if request.query_params.get("v") == asset.version else "no-cache",
        "ETag": f'"{asset.version}{"-gzip" if zipped else ""}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if is_held(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(zipped or asset.body, headers=headers, media_type=asset.media_type)


@lru_cache(_MOST_FILES)
def _path(name: str) -> Path:
    """Kept, because a page asks for a hundred icons and a path is slow to make."""
    return FOLDER / name


@lru_cache(_MOST_FILES)
def _asset(path: Path, _changed_at: int) -> Asset:
    """The file as it is since it changed last."""
    body = path.read_bytes()
    zipped = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return Asset(
        body,
        zipped if zipped and len(zipped) < len(body) else None,
        hashlib.sha256(body).hexdigest()[:12],
        _TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream",
    )
