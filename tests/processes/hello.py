"""A small application for servers of HTTP."""

import asyncio

from starlette.types import Receive, Scope, Send

LOOPBACK = "127.0.0.1"
GATES: dict[str, asyncio.Event] = {}
"""`/slow`: set when it may go on to its body; an event belongs to one test's loop."""


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    if scope["path"] == "/slow":
        await GATES["/slow"].wait()
    await send({"type": "http.response.body", "body": b"hello"})
