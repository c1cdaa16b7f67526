"""What every HTTP answer gets: a request id, one log line, a metric, and the generic error when a bug slips through.

`HEAD` is answered here, for every surface alike: as `GET`, without the body (contract D57). What a `GET` would use up
asks `is_head`.
"""

import asyncio
import re
from contextlib import AbstractContextManager
from functools import cache
from http import HTTPStatus
from time import perf_counter

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.telemetry import logs, tracing
from callmark.kit.telemetry.metrics import counter, histogram
from callmark.kit.telemetry.tracing import SpanKind, TracedSpan
from callmark.surfaces.http import connection_of, header, internal_error, render_error

log = structlog.get_logger(__name__)

_OURS_TO_KEEP = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
REQUEST_SECONDS = histogram(
    "callmark_request_seconds",
    "Time to answer a request, by method, route and status; other for a method that the route does not have.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 3, 5, 10, 30),
)
"""A real-time push whose handset is silent takes 2.5 s and is to take less than 3; a request without PostgreSQL, 8."""

_REQUESTS = counter(
    "callmark_requests_total",
    "Requests that were answered, by status, without health checks and `/metrics`.",
    ["status"],
    known=map(
        str, (200, 201, 202, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 500, 503)
    ),
)
"""Its own metric, because series of the one above are born with their first answer: to Prometheus, that is none."""

_answered = cache(_REQUESTS.labels)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_is_quiet = re.compile(r"/healthz|/readyz(/\w+)?|/metrics").fullmatch
_HEAD = "callmark.head"


class _NobodyReads(Exception):
    """Ends an application that continues with the body of an answer to HEAD, or to a client that has hung up."""


def is_head(scope: Scope) -> bool:
    """Whether a request that looks like `GET` inside is `HEAD`: nobody will see the body."""
    return bool(scope.get(_HEAD))


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
        scope["callmark.request_id"] = request_id
        logs.bind(request_id=request_id)
        bare = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET", _HEAD: True} if bare else scope
        answer = _Answer(scope, send, request_id, bare=bare)
        with _span(inner) as span:  # around the lines of the log, too
            try:
                await self._app(inner, receive, answer.send)
            except _NobodyReads:
                pass
            except asyncio.CancelledError:  # the server is shutting down, and this request took longer than it waits
                log.warning("request_cut", route=route_of(inner))
                if answer.status:
                    raise
                await render_error(Unavailable("the server is shutting down")).send(
                    answer.send, [(b"connection", b"close")]
                )
            except Exception as exc:
                log.exception("request_failed", route=route_of(inner))
                if not answer.status:
                    await internal_error().send(answer.send)
                elif not bare:
                    await _cut(scope, receive, exc)
            finally:
                _note(inner, scope["method"], answer.status, perf_counter() - began)
                if span.is_open:
                    _describe(span, inner, answer.status)


def _span(scope: Scope) -> AbstractContextManager[TracedSpan]:
    """A span below the client's `traceparent`, which gets its name at the end; none for a health check."""
    if not tracing.is_on() or _is_quiet(scope["path"]):
        return tracing.NO_SPAN
    parent = tracing.from_client(header(scope, b"traceparent"))
    return tracing.span(_method(scope), SpanKind.SERVER, parent=parent, request_id=scope["callmark.request_id"])


def _method(scope: Scope) -> str:
    """One that the client has made up is in no name of a span (OpenTelemetry's conventions for HTTP)."""
    return scope["method"] if scope["method"] in _METHODS else "HTTP"


def _describe(span: TracedSpan, scope: Scope, status: int) -> None:
    """By its route and not its path: some name people."""
    route = route_of(scope)
    span.rename(f"{_method(scope)} {route}")
    span.note("http.request.method", scope["method"] if scope["method"] in _METHODS else "_OTHER")
    span.note("http.route", route)
    span.note("http.response.status_code", status)
    if account := scope.get("account"):
        span.note("callmark.account", str(account))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # ours, not the client's
        span.fail(str(status))


class _Answer:
    """An answer on its way out; `status` 0 before its head. A `bare` one is whole with its head."""

    __slots__ = ("_bare", "_request_id", "_scope", "_send", "status")

    def __init__(self, scope: Scope, send: Send, request_id: str, *, bare: bool) -> None:
        self._scope = scope
        self._send = send
        self._request_id = (b"x-request-id", request_id.encode())
        self._bare = bare
        self.status = 0

    async def send(self, message: Message) -> None:
        """Takes the head, and then each part of the body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self._request_id]
            await self._send(message)
            if self._bare:
                await self._send({"type": "http.response.body", "body": b""})
        elif message.get("more_body", False) and (self._bare or connection_of(self._scope).get("is_gone")):
            raise _NobodyReads  # uvicorn drops what is sent to one that is gone; the application would run to its end
        elif not self._bare:
            await self._send(message)


async def _cut(scope: Scope, receive: Receive, exc: Exception) -> None:
    """Ends an answer that has begun and cannot continue: only the connection tells. Raises where it cannot be cut."""
    connection = connection_of(scope)
    if not connection:
        raise exc
    connection["cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass


@cache
def request_seconds(method: str, path: str, status: int) -> Histogram:
    """The metric of one kind of request, because to look it up by its labels takes as long as to count it."""
    return REQUEST_SECONDS.labels(method, path, status)


def route_of(scope: Scope) -> str:
    """The route that a request was for. Logs hold this, because an address can hold tokens and phone numbers."""
    route = scope.get("route") or "other"
    return route if isinstance(route, str) else route.path


def _note(scope: Scope, method: str, status: int, seconds: float) -> None:
    path = route_of(scope)
    # Clients choose the method: any of 34 at each route would be a series, and each of them makes a scrape slower.
    is_known = method in _METHODS and status != HTTPStatus.METHOD_NOT_ALLOWED
    request_seconds(method if is_known else "other", path, status).observe(seconds)
    if not _is_quiet(scope["path"]):
        _answered(status).inc()
        log.info(
            "request",
            method=method,
            route=path,
            status=status,
            ms=round(seconds * 1000, 2),
            account=scope.get("account"),
        )
