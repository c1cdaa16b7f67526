"""Requests as our server hands over small ones: their body has come before the application is called."""

from starlette.types import ASGIApp, Receive, Scope, Send


def at_hand(app: ASGIApp) -> ASGIApp:
    """The application, told of each request that the whole of its body is there."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["extensions"] = {"callmark.connection": {"is_whole": True}}
        await app(scope, receive, send)

    return told
