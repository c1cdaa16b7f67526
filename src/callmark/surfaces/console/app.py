"""The console as routes: admits each request (session, CSRF, role), runs its handler, and makes pages of errors."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from callmark.domain.access.model import check
from callmark.domain.accounts import sign_in
from callmark.domain.accounts.model import AccountState
from callmark.domain.accounts.session_model import Origin
from callmark.domain.deps import Deps
from callmark.domain.policy.model import Action
from callmark.kit.errors import AppError, Forbidden, MethodNotAllowed, NotFound
from callmark.surfaces.console import admission, bodies, cookies, errors, kept_forms
from callmark.surfaces.console.entry import Access, Entry
from callmark.surfaces.console.pages import finish, is_secure
from callmark.surfaces.console.visit import HOME, Visit, page_of, with_query

log = structlog.get_logger(__name__)

SIGN_IN = "/console/sign-in"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Console:
    """Every route of the table under `/console`, and a page for what is not there."""

    def __init__(self, deps: Deps, table: Sequence[Entry]) -> None:
        self._deps = deps
        self._secure = is_secure(deps.public_url)
        self.paths = frozenset(entry.path for entry in table if entry.method == "GET")
        self.routes: list[BaseRoute] = [self._route(entry) for entry in table]
        nothing = self._endpoint(Entry("GET", "", _nothing, Access.ANYBODY))
        self.routes += [Route(path, nothing, methods=_METHODS) for path in ("/console", "/console/{path:path}")]

    def _route(self, entry: Entry) -> Route:
        return Route(f"/console{entry.path}", self._endpoint(entry), methods=[entry.method])

    def _endpoint(self, entry: Entry) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request.app.state.console_paths = self.paths
            visit = self._stranger(request)
            try:
                visit = await self._visit(request)
                response = await self._admitted(entry, visit)
            except (AppError, HTTPException) as exc:
                response = errors.page_of(visit, exc)
            except Exception:
                log.exception("page_failed", path=visit.path, request_id=visit.request_id)
                response = errors.page_of(visit, AppError("internal error"))
            return finish(visit, response)

        return answer

    async def _visit(self, request: Request) -> Visit:
        """Who asks: its session, or what binds the forms of who has none."""
        stranger = self._stranger(request)
        token = cookies.read(request, cookies.SESSION, secure=self._secure)
        session = await sign_in.find_session(self._deps, token) if token else None
        if session:
            request.scope["account"] = str(session.account_id or "operator")
            person = kept_forms.person_cookie(session.person)
            if cookies.read(request, cookies.PERSON, secure=self._secure) != person:
                stranger.new_cookies.append(cookies.Cookie(cookies.PERSON, person))
            return Visit(self._deps, request, session, stranger.origin, token, new_cookies=stranger.new_cookies)
        if not cookies.read(request, cookies.VISITOR, secure=self._secure):
            stranger.new_cookies.append(cookies.Cookie(cookies.VISITOR, stranger.csrf_key))
        return stranger

    def _stranger(self, request: Request) -> Visit:
        """A visit of nobody: what an error is told to before it is known who asks."""
        origin = Origin(request.client.host if request.client else "", request.headers.get("user-agent", ""))
        visitor = cookies.read(request, cookies.VISITOR, secure=self._secure)
        return Visit(self._deps, request, None, origin, visitor or cookies.new_visitor())

    async def _admitted(self, entry: Entry, visit: Visit) -> Response:
        is_form = entry.method == "POST"
        try:
            if entry.action is not Access.ANYBODY and visit.session is None:
                return await kept_forms.keep_for_sign_in(visit) if is_form else _to_sign_in(visit)
            if is_form and (answer := await self._take_form(entry, visit)):
                return answer
            _check_action(entry.action, visit)
            admission.check_text(visit)
            return await entry.handler(visit)
        finally:
            if visit.sent is not None:
                await visit.sent.close()

    async def _take_form(self, entry: Entry, visit: Visit) -> Response | None:
        """Reads what was sent; an answer when it is not acted on. Raises Forbidden for what no page of ours made."""
        admission.check_site(visit)
        is_trusted = visit.session is not None
        visit.sent = await bodies.read_form(visit.request, entry.largest_bytes, is_trusted=is_trusted)
        if not cookies.is_csrf_token(visit.sent_csrf, visit.csrf_key):
            return await kept_forms.keep_for_session(entry, visit)
        return None


def _check_action(action: Action | Access, visit: Visit) -> None:
    if not isinstance(action, Action):
        return
    if action is Action.OPERATE:
        if visit.session is None or visit.session.role is not None:
            raise NotFound
        return
    actor = visit.actor_or_none
    if actor is None:
        raise Forbidden(errors.NOT_ACTING)
    if actor.session.account_state is AccountState.SUSPENDED and not actor.is_operator:
        raise Forbidden(sign_in.SUSPENDED)
    check(actor, action)


def _to_sign_in(visit: Visit) -> Response:
    """To the sign-in, and from there to the page that was asked for, with all of its query."""
    wanted = page_of(visit.request.headers.get("hx-current-url", "")) if visit.is_htmx else visit.address
    to = with_query(SIGN_IN, next="" if wanted in {HOME, HOME + "/"} else wanted)
    if visit.is_htmx:
        return Response(headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


async def _nothing(visit: Visit) -> Response:
    if visit.request.method in {"GET", "HEAD"}:
        raise NotFound
    raise MethodNotAllowed(("GET", "HEAD"))
