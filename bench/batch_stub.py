"""A server that takes batches and says that every record was pushed; remembers the newest few."""

import sys
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import uvicorn
from starlette.types import Receive, Scope, Send

KEPT = 32
_batches: dict[str, list[dict[str, object]]] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = msgspec.json.encode(_answer(scope, body))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def _answer(scope: Scope, body: bytes) -> object:
    if scope["path"].endswith("/token"):
        return {"token": "made"}
    if scope["method"] == "POST":
        batch_id = str(uuid4())
        _batches[batch_id] = msgspec.json.decode(body)["call_records"]
        if len(_batches) > KEPT:
            del _batches[next(iter(_batches))]
        return {"batch_id": batch_id}
    rows = _batches.get(parse_qs(scope["query_string"].decode()).get("batchId", [""])[0], [])
    return {"data": [row | {"id": "made", "status_info": {"status": "success"}} for row in rows]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, loop="uvloop", http="httptools")
