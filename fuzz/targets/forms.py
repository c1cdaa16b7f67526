"""Forms that browsers send: fields, and files beside fields."""

import contextlib

from starlette.requests import Request
from starlette.types import Message

from callmark.kit.errors import InvalidInput, PayloadTooLarge
from callmark.surfaces.console.bodies import read_form
from fuzz.connections import Turns
from fuzz.cutting import ways

_KINDS = (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x")
_LARGEST = 2_000
_turns = Turns()
_Fields = list[tuple[str, str | bytes]]


def fuzz_forms(data: bytes) -> None:
    """Only the documented errors; the same fields and files however they are cut. A first byte `b` means files."""
    kind = _KINDS[data[:1] == b"b"]
    body = data[1:]
    # Text before the first boundary is skipped only where both come in one piece. No browser sends any.
    whole = kind == _KINDS[0] or body.startswith(b"--x")
    seen = [_turns.loop.run_until_complete(_read(kind, pieces)) for pieces in ways(body)]
    assert not whole or seen[0] == seen[1] == seen[2], seen


async def _read(kind: bytes, pieces: list[bytes]) -> _Fields | None:
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return waiting.pop(0)

    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)
    with contextlib.suppress(InvalidInput, PayloadTooLarge):
        form = await read_form(request, _LARGEST, is_trusted=True)
        found: _Fields = []
        for name, value in form.multi_items():
            found.append((name, value if isinstance(value, str) else await value.read()))
        await form.close()
        return found
    return None
