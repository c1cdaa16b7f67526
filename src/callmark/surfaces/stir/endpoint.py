"""What each question of a call server gets: its edge is known, its body bounded, its `X-RequestID` in the answer."""

import re
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.edges.model import Edge
from callmark.kit import patience
from callmark.kit.errors import AppError
from callmark.surfaces.bodies import read_text
from callmark.surfaces.http import Header, Response, bearer, check_media_type, header, note_reason, render
from callmark.surfaces.observed import route_of
from callmark.surfaces.stir.errors import StirFault, render_fault

log = structlog.get_logger(__name__)

ENGINES_WITHIN_S = 0.9
"""How long a question waits for our engines: a proxy waits a second, and then the call continues without a name."""
_TO_ECHO = re.compile(r"[!-~]{1,256}").fullmatch
_ACCEPTED = re.compile(r"(?:^|,)\s*(?:\*/\*|application/\*|application/(?:[\w.-]+\+)?json)\s*(?:[;,]|$)", re.IGNORECASE)


class StirRequest(Struct, frozen=True):
    """A request: its edge, the edge's own name for it (`X-RequestID`), and its body."""

    edge: Edge
    request_id: str | None
    body: bytes


Answer = Callable[[StirRequest], Awaitable[object]]


class StirEndpoint:
    """One path that is only posted to."""

    def __init__(self, deps: Deps, answer: Answer, most_bytes: int) -> None:
        self._deps, self._answer, self._most_bytes = deps, answer, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, errors in the form of the standard."""
        request_id = header(scope, b"x-requestid")
        request_id = request_id if request_id and _TO_ECHO(request_id) else None
        extra: list[Header] = [(b"x-requestid", request_id.encode())] if request_id else []
        with patience.of(each_s=ENGINES_WITHIN_S):
            answer = await self._respond(scope, receive, request_id)
        await answer.send(send, extra)

    async def _respond(self, scope: Scope, receive: Receive, request_id: str | None) -> Response:
        try:
            if scope["method"] != "POST":
                answer = render_fault(StirFault(405, "POL4050"))
                answer.headers.append((b"allow", b"POST"))
                return answer
            edge = await edges.authenticate(self._deps, bearer(scope))
            scope["account"] = edge.account_id
            _check_accept(scope)
            check_media_type(scope)
            body = await read_text(scope, receive, self._most_bytes)
            return render(await self._answer(StirRequest(edge, request_id, body)))
        except AppError as exc:
            note_reason(exc)
            return render_fault(exc)
        except Exception:
            log.exception("request_failed", route=route_of(scope))
            return render_fault(AppError("internal error"))


def _check_accept(scope: Scope) -> None:
    accept = header(scope, b"accept")
    if accept and not _ACCEPTED.search(accept):
        raise StirFault(406, "SVC4002", accept[:100])
