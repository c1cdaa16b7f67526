"""The answers of receivers of webhooks: `kit.outbound.http_answer`."""

import contextlib

import h11

from callmark.kit.outbound.http_answer import KEPT_BYTES, AnswerReader, NotHttp
from fuzz.cutting import ways

_Seen = tuple[int | None, list[tuple[str, str]], bytes]


def fuzz_answers(data: bytes) -> None:
    """Only NotHttp; the same however it is cut; and what h11 reads, we read alike."""
    seen = [_read(pieces) for pieces in ways(data)]
    assert seen[0] == seen[1] == seen[2], seen
    strict = _by_h11(data)
    if strict is not None and seen[0] is not None:
        status, body = strict
        assert (seen[0][0], seen[0][2]) == (status, body[:KEPT_BYTES]), (seen[0], strict)
    assert strict is None or seen[0] is not None, strict


def _read(pieces: list[bytes]) -> _Seen | None:
    reader = AnswerReader()
    try:
        for piece in pieces:
            if reader.feed(piece):
                break
        reader.end()
    except NotHttp:
        return None
    assert reader.status is None or 0 <= reader.status <= 999
    assert len(reader.body) <= KEPT_BYTES
    # An answer without an end of its own ends where what came ended: that is up to the pieces.
    body = bytes(reader.body) if reader.is_whole else b""
    return reader.status, reader.headers, body


def _by_h11(data: bytes) -> tuple[int, bytes] | None:
    """The whole answer, where it is one by the standard and nothing follows."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    client.send(h11.EndOfMessage())
    status, body = None, b""
    with contextlib.suppress(h11.RemoteProtocolError):
        client.receive_data(data)
        client.receive_data(b"")
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return None if status is None else (status, body)
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return None
    return None
