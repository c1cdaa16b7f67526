"""WebSocket frames as a handset's stream gets them: the direct path, beside uvicorn's own."""

import base64
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from callmark.kit.fastpath.websockets import WebSocketProtocol
from fuzz.connections import Turns, Wire
from fuzz.cutting import ways

_HANDSHAKE = (
    b"GET /handset/v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)
_FAULTS, _FAULT = frozenset({1002, 1007, 1009}), 1002
"""Of two faults in one piece either may be named."""
_turns = Turns()
_Seen = tuple[list[str | bytes], int | None]


def fuzz_frames(data: bytes) -> None:
    """The same messages and the same end, by the direct path and without it, however they are cut."""
    seen = [_run(pieces, direct=direct) for pieces in ways(data) for direct in (True, False)]
    assert all(one == seen[0] for one in seen), seen


def _run(pieces: list[bytes], *, direct: bool) -> _Seen:
    got: list[str | bytes] = []
    codes: list[int] = []

    def take(payload: bytes) -> bool:
        try:
            got.append(payload.decode())
        except UnicodeDecodeError:
            return False
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if direct:
            scope["extensions"]["callmark.frames"].take = take
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            got.append(message["bytes"] if text is None else text)
        codes.append(message["code"])

    config = Config(app, log_config=None, lifespan="off", ws_max_size=4096, ws_per_message_deflate=False)
    config.load()
    options: Any = {"config": config, "server_state": ServerState(), "app_state": {}, "_loop": _turns.loop}
    protocol, wire = WebSocketProtocol(**options), Wire()
    protocol.connection_made(wire)
    protocol.data_received(_HANDSHAKE)
    _turns.rest()
    for piece in pieces:
        if wire.closing:
            break
        protocol.data_received(piece)
        _turns.rest()
    protocol.connection_lost(None)
    _turns.rest()
    _turns.end()
    return got, _FAULT if codes and codes[0] in _FAULTS else codes[0] if codes else None
