"""The HTTP application of one process: every surface that its roles ask for, on one port."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response as StarletteResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.domain.log_downloads.service import Downloads
from callmark.kit import patience
from callmark.kit.errors import AppError, InvalidInput, MethodNotAllowed, NotFound
from callmark.kit.health import readyz as ready
from callmark.kit.roles import HTTP_ROLES
from callmark.kit.workload import Workload
from callmark.surfaces import assets, downloads, logos, reference
from callmark.surfaces.api.routes import Api, Before
from callmark.surfaces.http import EACH_WAIT_S, ErrorBody, Response, help_link, note_reason, render, render_error
from callmark.surfaces.metrics import MetricsPage
from callmark.surfaces.observed import Observed

STREAM_PATH = "/handset/v1/stream"
_API_PATHS = ("/clients/", "/v2/", "/v3/", "/extensions/")


_MODULES = {
    "api": "callmark.surfaces.api.routes",
    "gateway": "callmark.surfaces.gateway.app",
    "stir": "callmark.surfaces.stir.app",
    "console": "callmark.surfaces.console.routes",
}
"""What a process of this role needs."""


def load(roles: frozenset[str]) -> None:
    """Imports what `build_app` will need."""
    for role in roles & HTTP_ROLES:
        import_module(_MODULES[role])


def streams_of(roles: frozenset[str]) -> tuple[str, ...]:
    """The paths that are WebSockets in the application of `roles`."""
    return (STREAM_PATH,) if "gateway" in roles else ()


def build_app(deps: Deps, roles: frozenset[str]) -> ASGIApp:
    """The application of `roles`, with the emulator's routes in emulator mode; its lifespan starts and stops them."""
    routes: list[BaseRoute] = [*_health(deps), *logos.routes(deps), *reference.routes(deps, roles), *assets.routes()]
    files, load = Downloads(deps), Workload(deps.settings.api_load, deps.real_clock)
    routes += downloads.routes(files)
    parts: list[_Part] = [(files.start, files.close)]
    before: Before | None = None
    stream: ASGIApp | None = None
    if "gateway" in roles:
        from callmark.surfaces.gateway.app import Gateway

        gateway = Gateway(deps, load)
        stream = gateway.stream
        parts.append((gateway.start, gateway.stop))
        routes += gateway.routes
    if "stir" in roles:
        from callmark.surfaces.stir.app import StirRoutes

        stir = StirRoutes(deps)
        parts.append((stir.start, stir.stop))
        routes += stir.routes
    if "console" in roles:
        routes += _console(deps)
    if deps.settings.emulator:
        from callmark.surfaces.emulator.app import EmulatorRoutes
        from callmark.surfaces.emulator.control_api.faults import Interceptor

        emulator, before = EmulatorRoutes(deps), Interceptor(deps)
        parts.append((emulator.start, emulator.stop))
        routes += emulator.routes
    whole = Starlette(routes=routes, lifespan=_lifespan(parts))
    whole.router.redirect_slashes = False
    # Without Starlette's own outermost layer, which answers a bug in plain text and has it logged twice: Observed does.
    whole.middleware_stack = ExceptionMiddleware(whole.router, handlers=_HANDLERS)
    rest = _guarded(whole, deps)
    stream = _guarded(stream, deps) if stream else None
    direct = _split(Api(deps, load, before) if "api" in roles else rest, rest)
    app = direct if stream is None else _beside(stream, direct)
    return Observed(_with_clock(app, deps) if deps.settings.emulator else app)


def _console(deps: Deps) -> list[BaseRoute]:
    from callmark.surfaces.console import pages
    from callmark.surfaces.console.app import Console
    from callmark.surfaces.console.routes import TABLE

    pages.env.auto_reload = deps.settings.emulator  # shows a changed template without a restart
    # In emulator mode the demo's first page is at /.
    first = [] if deps.settings.emulator else [Route("/", _to_console, methods=["GET"])]
    return [*Console(deps, TABLE).routes, *first]


def _guarded(app: ASGIApp, deps: Deps) -> ASGIApp:
    """The same, in emulator mode behind the question who may use it."""
    if not deps.settings.emulator:
        return app
    from callmark.surfaces.emulator.guard import Guard

    return Guard(app, deps)


def _with_clock(app: ASGIApp, deps: Deps) -> ASGIApp:
    from callmark.surfaces.emulator.clock_header import WithClock

    return WithClock(app, deps.clock)


async def _to_console(_: Request) -> StarletteResponse:
    return RedirectResponse("/console")


_Part = tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]


def _split(api: ASGIApp, rest: ASGIApp) -> ASGIApp:
    """The contract's paths go straight to the API's own table."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_API_PATHS):
            await api(scope, receive, send)
            return
        with patience.of(each_s=EACH_WAIT_S):
            await rest(scope, receive, send)

    return app


def _beside(stream: ASGIApp, others: ASGIApp) -> ASGIApp:
    """Handsets' streams go straight to the gateway: every frame would pay for each layer in between."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == STREAM_PATH:
            with patience.of(each_s=EACH_WAIT_S):
                await stream(scope, receive, send)
            return
        await others(scope, receive, send)

    return app


def _lifespan(parts: list[_Part]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for start, stop in parts:
                await start()
                stack.push_async_callback(stop)
            yield

    return lifespan


def _health(deps: Deps) -> list[BaseRoute]:
    async def healthz(_: Request) -> StarletteResponse:
        return StarletteResponse('{"status":"ok"}', media_type="application/json")

    async def readyz(request: Request) -> StarletteResponse:
        role: str | None = request.path_params.get("role")
        if role and role not in deps.health.asked_for:
            raise NotFound
        status, body = await ready(deps.db, deps.fabric, deps.health, beside=True, role=role)
        return StarletteResponse(body, status, media_type="application/json")

    page = MetricsPage(deps)

    async def metrics(_: Request) -> StarletteResponse:
        body, kind = await page.render()
        return StarletteResponse(body, media_type=kind)

    routes: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/readyz/{role}", readyz)]
    if deps.settings.emulator:  # in production metrics stay on the admin port
        routes.append(Route("/metrics", metrics))
    return routes


def _starlette(answer: Response) -> StarletteResponse:
    return StarletteResponse(answer.body, answer.status, {k.decode(): v.decode() for k, v in answer.headers})


async def _on_http(_: Request, exc: HTTPException) -> StarletteResponse:
    allowed = tuple((exc.headers or {}).get("Allow", "").split(", "))
    known = {404: NotFound(), 405: MethodNotAllowed(allowed)}
    if exc.status_code in known:
        return _starlette(render_error(known[exc.status_code]))
    answer = render(ErrorBody(InvalidInput.slug, exc.detail), exc.status_code)
    answer.headers.append(help_link(InvalidInput.slug))
    return _starlette(answer)


async def _on_ours(_: Request, exc: AppError) -> StarletteResponse:
    note_reason(exc)
    return _starlette(render_error(exc))


_HANDLERS: dict[Any, Any] = {HTTPException: _on_http, AppError: _on_ours}
