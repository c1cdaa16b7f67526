"""The console as routes: admits each request (session, CSRF, role), runs its handler, and makes pages of errors."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message

from callmark.domain.access.model import Action, check
from callmark.domain.accounts import sign_in
from callmark.domain.accounts.model import AccountState
from callmark.domain.accounts.session_model import Origin
from callmark.domain.deps import Deps
from callmark.kit.errors import AppError, Forbidden, InvalidInput, MethodNotAllowed, NotFound, PayloadTooLarge
from callmark.surfaces.console import cookies, errors
from callmark.surfaces.console.entry import Access, Entry
from callmark.surfaces.console.pages import finish, is_secure
from callmark.surfaces.console.visit import HOME, Visit, with_query

log = structlog.get_logger(__name__)

SIGN_IN = "/console/sign-in"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


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
                log.exception("page_failed", path=visit.path)
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
            return Visit(self._deps, request, session, stranger.origin, token)
        if not cookies.read(request, cookies.VISITOR, secure=self._secure):
            stranger.new_cookies.append(cookies.Cookie(cookies.VISITOR, stranger.csrf_key))
        return stranger

    def _stranger(self, request: Request) -> Visit:
        """A visit of nobody: what an error is told to before it is known who asks."""
        origin = Origin(request.client.host if request.client else "", request.headers.get("user-agent", ""))
        visitor = cookies.read(request, cookies.VISITOR, secure=self._secure)
        return Visit(self._deps, request, None, origin, visitor or cookies.new_visitor())

    async def _admitted(self, entry: Entry, visit: Visit) -> Response:
        if entry.action is not Access.ANYBODY and visit.session is None:
            return _to_sign_in(visit)
        try:
            if entry.method == "POST":
                await self._take_form(entry, visit)
            _check_action(entry.action, visit)
            _check_text(visit)
            return await entry.handler(visit)
        finally:
            if visit.sent is not None:
                await visit.sent.close()

    async def _take_form(self, entry: Entry, visit: Visit) -> None:
        """Reads what was sent. Raises Forbidden for what no page of ours made."""
        self._check_site(visit)
        visit.sent = await _read_form(visit.request, entry.largest_bytes)
        sent = visit.request.headers.get("x-csrf-token") or str(visit.sent.get("csrf") or "")
        if not cookies.is_csrf_token(sent, visit.csrf_key):
            raise Forbidden(errors.FORM_EXPIRED)

    def _check_site(self, visit: Visit) -> None:
        """Refuses what another site's page sends; browsers say where a form comes from."""
        headers = visit.request.headers
        origin, host = headers.get("origin"), headers.get("host", "")
        ours = {f"{scheme}://{host}" for scheme in ("http", "https")} | {self._deps.public_url}
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or (
            origin and origin not in ours
        ):
            raise Forbidden(errors.FORM_EXPIRED)


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


def _check_text(visit: Visit) -> None:
    """Raises InvalidInput for NUL characters: no browser's field holds one, and PostgreSQL takes none."""
    sent = [*visit.request.query_params.values(), *(text for texts in visit.form.values.values() for text in texts)]
    if any("\0" in text for text in sent):
        raise InvalidInput("A field holds a character that no text has.")


def _to_sign_in(visit: Visit) -> Response:
    wanted = visit.path if visit.request.method == "GET" else ""
    to = with_query(SIGN_IN, next="" if wanted in {HOME, HOME + "/"} else wanted)
    if visit.is_htmx:
        return Response(headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


async def _read_form(request: Request, largest_bytes: int) -> FormData:
    """The fields and files of a form. Raises PayloadTooLarge as soon as the body passes its limit."""
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return FormData()
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > largest_bytes:
        raise PayloadTooLarge(largest_bytes)
    receive, size = request.receive, 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > largest_bytes:
            raise PayloadTooLarge(largest_bytes)
        return message

    return await Request(request.scope, counted).form(max_part_size=largest_bytes)


async def _nothing(visit: Visit) -> Response:
    if visit.request.method in {"GET", "HEAD"}:
        raise NotFound
    raise MethodNotAllowed(("GET", "HEAD"))
