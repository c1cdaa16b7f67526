"""`GET /downloads/<token>`: the file behind a signed link, for anyone who holds the link (contract, section 8)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmark.domain.log_downloads.model import FileFormat
from callmark.domain.log_downloads.service import Download, Downloads
from callmark.surfaces.streaming import Streaming

_MEDIA_TYPES = {FileFormat.CSV: "text/csv; charset=utf-8", FileFormat.NDJSON: "application/x-ndjson"}
_HEADERS = {
    "Accept-Ranges": "none",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(downloads: Downloads) -> list[Route]:
    """The one route of downloads; its errors are rendered by the application."""

    async def download(request: Request) -> Response:
        found = await downloads.open(request.path_params["token"])
        return Streaming(found.stored.chunks, headers=_headers(found))

    return [Route("/downloads/{token}", download, methods=["GET"])]


def _headers(found: Download) -> dict[str, str]:
    return _HEADERS | {
        "Content-Type": _MEDIA_TYPES[found.file_format],
        "Content-Length": str(found.stored.size_bytes),
        "Content-Disposition": f'attachment; filename="{found.name}"',
    }
