"""Requests as a port gets them: `kit.fastpath.http_protocol`."""

import re
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from callmark.kit.fastpath.http_protocol import HttpProtocol
from callmark.surfaces.http import render_error
from fuzz.connections import Turns, Wire
from fuzz.cutting import ways

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_turns = Turns()
_Request = tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes]


def fuzz_heads(data: bytes) -> None:
    """Nothing but answers of 200, 400 and 408; the same requests and answers however they are cut."""
    seen = [_run(pieces) for pieces in ways(data)]
    assert seen[0] == seen[1] == seen[2], seen


def _run(pieces: list[bytes]) -> tuple[list[_Request], list[int]]:
    requests: list[_Request] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        requests.append((scope["method"], scope["path"], scope["query_string"], list(scope["headers"]), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = Config(app, ws="none", log_config=None, access_log=False, lifespan="off")
    config.load()
    options: Any = {"config": config, "server_state": ServerState(), "app_state": {}, "_loop": _turns.loop}
    make = partial(
        HttpProtocol,
        render_refusal=render_error,
        most_connections=1_000,
        head_within_s=60,
        body_silent_s=60,
        drain_silent_s=60,
    )
    protocol, wire = make(**options), Wire()
    wire.set_protocol(protocol)
    protocol.connection_made(wire)
    for piece in pieces:
        if wire.closing:
            break
        _turns.loop.call_soon(protocol.data_received, piece)
        _turns.rest()
    wire.get_protocol().connection_lost(None)
    _turns.end()
    return requests, [int(status) for status in _STATUS.findall(wire.written)]
