"""How a path of the control API becomes a route."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from callmark.surfaces.http import Response

Handler = Callable[[Request], Awaitable[Response | StarletteResponse]]
PREFIX = "/emulator/v1/"


def control_route(path: str, **handlers: Handler) -> Route:
    """One path of the control API."""
    return json_route(f"{PREFIX}{path}", **handlers)


def json_route(path: str, **handlers: Handler) -> Route:
    """One path with a handler per method, so that the answer to a wrong method names all the right ones."""

    async def handle(request: Request) -> StarletteResponse:
        answer = await handlers[request.method](request)
        if isinstance(answer, StarletteResponse):
            return answer
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return StarletteResponse(answer.body, answer.status, headers)

    return Route(path, handle, methods=list(handlers))
