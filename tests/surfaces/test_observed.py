"""A request that the server cuts when it stops is answered in the envelope of every other error."""

import asyncio

import msgspec
from starlette.types import Message, Receive, Scope, Send

from callmark.surfaces.observed import Observed

_SCOPE: Scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}


async def _cut(app: Observed) -> list[Message]:
    """What is sent when the request's task is cancelled once the application waits."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    running = asyncio.create_task(app(_SCOPE, receive, send))
    await asyncio.wait_for(_waiting.wait(), 30)
    running.cancel()
    await asyncio.wait({running})
    return sent


_waiting = asyncio.Event()


async def _waits(_scope: Scope, _receive: Receive, _send: Send) -> None:
    _waiting.set()
    await asyncio.Event().wait()


async def test_a_request_cut_by_a_stop_is_told_to_come_back() -> None:
    head, body = await _cut(Observed(_waits))
    assert head["status"] == 503
    headers = dict(head["headers"])
    assert headers[b"retry-after"] == b"1"
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/json"
    assert msgspec.json.decode(body["body"])["slug"] == "service-unavailable"
