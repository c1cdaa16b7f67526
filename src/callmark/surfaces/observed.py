"""What every HTTP answer gets: a request id, one log line, a metric, and the generic error when a bug slips through."""

import re
from time import perf_counter

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmark.kit.ids import new_id
from callmark.surfaces.http import header, internal_error

log = structlog.get_logger(__name__)

_OURS_TO_KEEP = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_SECONDS = Histogram(
    "callmark_request_seconds",
    "Time to answer a request",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class Observed:
    """Wraps the whole HTTP application. A client's own well-formed `X-Request-Id` is kept, so that logs join up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever happens inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        sent = header(scope, b"x-request-id") or ""
        request_id = sent if _OURS_TO_KEEP(sent) else str(new_id())
        status = 0

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, numbered)
        except Exception:
            log.exception("request_failed", request_id=request_id, path=scope["path"])
            if status:  # the answer has begun; only the connection can tell now
                raise
            await internal_error().send(numbered)
        finally:
            _note(scope, request_id, status, perf_counter() - began)


def _note(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    route = scope.get("route") or "other"
    _SECONDS.labels(scope["method"], route if isinstance(route, str) else route.path, status).observe(seconds)
    if scope["path"] not in _QUIET:
        log.info(
            "request",
            request_id=request_id,
            method=scope["method"],
            route=route if isinstance(route, str) else route.path,
            status=status,
            ms=round(seconds * 1000, 2),
            account=scope.get("account"),
        )
