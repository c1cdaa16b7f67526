"""The console as routes: admits each request (session, CSRF, role), runs its handler, and makes pages of errors."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.domain.policy import model as policy
from callmark.domain.policy.model import Action
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Origin
from callmark.kit.errors import AppError, Forbidden, MethodNotAllowed, NotFound
from callmark.surfaces.console import admission, bodies, cookies, errors, kept_forms, stale_pages
from callmark.surfaces.console.pages import finish
from callmark.surfaces.console.request import HOME, ConsoleRequest, Gone, page_of, with_query
from callmark.surfaces.console.route import Access, ConsoleRoute
from callmark.surfaces.http import note_reason
from callmark.surfaces.observed import route_of

log = structlog.get_logger(__name__)

SIGN_IN = "/console/sign-in"
_NO_LONGER = "something that this page names is no longer there, or you have no access to it. Nothing was changed"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Console:
    """Every route of the table under `/console`, and a page for what is not there."""

    def __init__(self, deps: Deps, table: Sequence[ConsoleRoute]) -> None:
        self._deps = deps
        self.paths = frozenset(route.path for route in table if route.method == "GET")
        self.routes: list[BaseRoute] = [self._route(route) for route in table]
        nothing = self._endpoint(ConsoleRoute("GET", "", _nothing, Access.ANYBODY))
        self.routes += [Route(path, nothing, methods=_METHODS) for path in ("/console", "/console/{path:path}")]

    def _route(self, route: ConsoleRoute) -> Route:
        return Route(f"/console{route.path}", self._endpoint(route), methods=[route.method])

    def _endpoint(self, route: ConsoleRoute) -> Callable[[Request], Awaitable[Response]]:
        async def answer(http: Request) -> Response:
            http.app.state.console_paths = self.paths
            request = self._anonymous(http)
            try:
                request = await self._request(http)
                response = await self._admitted(route, request)
            except (AppError, HTTPException) as exc:
                if isinstance(exc, AppError):
                    note_reason(exc)
                response = errors.page_of(request, exc)
            except Exception:
                log.exception("page_failed", route=route_of(http.scope), request_id=request.request_id)
                response = errors.page_of(request, AppError("internal error"))
            return finish(request, response)

        return answer

    async def _request(self, http: Request) -> ConsoleRequest:
        """The request with its session, or with the cookie that its forms are bound to when it has none."""
        anonymous = self._anonymous(http)
        token = cookies.read(http, cookies.SESSION, at=self._deps.public_url)
        session = await sessions.find_session(self._deps, token, is_use=not anonymous.is_poll) if token else None
        if session:
            http.scope["account"] = str(session.account_id or "operator")
            return ConsoleRequest(self._deps, http, session, anonymous.origin, token, new_cookies=anonymous.new_cookies)
        is_page = not (anonymous.is_poll or anonymous.is_htmx)  # those lead to one; two tabs may ask at once
        if is_page and not cookies.read(http, cookies.VISITOR, at=self._deps.public_url):
            anonymous.new_cookies.append(cookies.Cookie(cookies.VISITOR, anonymous.csrf_key))
        return anonymous

    def _anonymous(self, http: Request) -> ConsoleRequest:
        """The request without a session. Errors use it until the session has been read."""
        known = cookies.read(http, cookies.BROWSER, at=self._deps.public_url)
        origin = Origin(http.client.host if http.client else "", http.headers.get("user-agent", ""), browser=known)
        visitor = cookies.read(http, cookies.VISITOR, at=self._deps.public_url)
        before = cookies.read(http, cookies.SESSION, at=self._deps.public_url)
        return ConsoleRequest(self._deps, http, None, origin, visitor or cookies.new_visitor(before))

    async def _admitted(self, route: ConsoleRoute, request: ConsoleRequest) -> Response:
        is_form = route.method == "POST"
        try:
            if route.needs is not Access.ANYBODY and request.session is None:
                return await kept_forms.keep_for_sign_in(route, request) if is_form else await _signed_out(request)
            if is_form and (answer := await self._take_form(route, request)):
                return answer
            if not is_form and stale_pages.is_stale(route, request):
                return await stale_pages.answer(request)
            _check_needs(route.needs, request)
            admission.check_text(request)
            return await self._handled(route, request)
        finally:
            if request.sent is not None:
                await request.sent.close()

    async def _handled(self, route: ConsoleRoute, request: ConsoleRequest) -> Response:
        """The handler's answer. Raises Gone, with the way to the list, for a form about a thing that is not there.

        Someone else may have deleted it since its page was opened, or the form was sent twice.
        """
        try:
            return await route.handler(request)
        except NotFound as exc:
            above, is_of_one, _ = route.path.partition("/{")
            if isinstance(exc, Gone) or route.method != "POST" or not is_of_one or above not in self.paths:
                raise
            raise Gone(_NO_LONGER, f"/console{above}", "the list") from exc

    async def _take_form(self, route: ConsoleRoute, request: ConsoleRequest) -> Response | None:
        """Reads what was sent; an answer when it is not acted on. Raises Forbidden for what no page of ours made."""
        admission.check_site(request)
        is_trusted = request.session is not None
        request.sent = await bodies.read_form(request.http, route.largest_bytes, is_trusted=is_trusted)
        if not cookies.is_csrf_token(request.sent_csrf, request.csrf_key):
            return await kept_forms.keep_for_session(route, request)
        if stale_pages.is_stale(route, request):
            return await kept_forms.keep_for_account(route, request)
        return None


def _check_needs(needs: Action | Access, request: ConsoleRequest) -> None:
    if needs is not Access.ANYBODY and request.is_suspended:
        raise Forbidden(sessions.SUSPENDED)
    if not isinstance(needs, Action):
        return
    session = request.session
    if needs is Action.OPERATE:
        if session is None or session.role is not None:
            raise NotFound
        return
    if session is None or session.account_id is None:
        raise Forbidden(errors.NOT_ACTING)
    policy.check(request.by.role, session.features, needs)


async def _signed_out(request: ConsoleRequest) -> Response:
    """To the sign-in, and from there to the page that was asked for, with all of its query.

    A page that only updates stays: it may show a secret that no other page will, or hold what someone types.
    """
    if request.is_poll:
        return await stale_pages.answer_poll(request)
    wanted = page_of(request.http.headers.get("hx-current-url", "")) if request.is_htmx else request.address
    to = with_query(SIGN_IN, next="" if wanted in {HOME, HOME + "/"} else wanted)
    if request.is_htmx:
        return Response(headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


async def _nothing(request: ConsoleRequest) -> Response:
    if request.http.method in {"GET", "HEAD"}:
        raise NotFound
    raise MethodNotAllowed(("GET", "HEAD"))
