"""What NATS sends: our parser of messages, beside nats-py's own."""

import re
from collections.abc import Callable
from typing import Any

from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from callmark.kit.fastpath import nats_messages
from fuzz.cutting import ways

_DIRECT, _QUEUED = 1, 2
_HEADERS = re.compile(rb"(\d{1,9})[ \t]+(\d{1,9})[ \t]*\r\n")
_COUNTS_IN_TWO_LINES = re.compile(rb"HMSG [^\r\n]*\d\r\n\s*\d+\r\n")
_OTHER_SPACES = re.compile(rb"[\t\v\f]|(?<!\r)\n|\r(?!\n)|  ")
_Seen = list[tuple[Any, ...]]


class _Subscription:
    def __init__(self, queue: object) -> None:
        self._pending_queue = queue


class _Client:
    """What a parser needs of nats-py's client: it notes what it is called with."""

    def __init__(self) -> None:
        self.seen: _Seen = []
        direct = nats_messages.Direct(self._take)
        self.subscriptions = {_DIRECT: _Subscription(direct), _QUEUED: _Subscription(object())}

    def _take(self, subject: str, reply: str, payload: bytes | None) -> None:
        assert payload is not None
        self.seen.append(("msg", _DIRECT, subject, reply, payload, None))

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, payload: bytes, header: bytes | None) -> None:
        self.seen.append(("msg", sid, subject.decode(), reply.decode(), payload, header))

    async def _process_err(self, message: str) -> None:
        self.seen.append(("err", message))

    async def _process_ping(self) -> None:
        self.seen.append(("ping",))

    async def _process_pong(self) -> None:
        self.seen.append(("pong",))

    async def _process_info(self, info: object) -> None:
        self.seen.append(("info", str(info)))


def fuzz_nats_stream(data: bytes) -> None:
    """The same messages however they are cut; those that nats-py's parser finds, where it finds no fault."""
    if any(int(header) > int(whole) for header, whole in _HEADERS.findall(data)):
        return  # no server says so, and nothing follows from it
    seen = [_run(_ours, pieces) for pieces in ways(data)]
    assert seen[0] == seen[1] == seen[2], seen
    if _OTHER_SPACES.search(data) or _COUNTS_IN_TWO_LINES.search(data):
        return  # nats-py divides words at them too; no server writes any, and headers of its begin with NATS/1.0
    if seen[0][1]:
        return
    theirs = _run(Parser, [data])
    if not theirs[1]:
        assert seen[0][0] == theirs[0], (seen[0], theirs)


def _ours(client: _Client) -> Parser:
    return nats_messages.DirectParser(client, client.subscriptions)


def _run(parser_of: Callable[[_Client], Parser], pieces: list[bytes]) -> tuple[_Seen, bool]:
    """What the client was told, and whether the stream was refused. Nothing in a parser waits for anything."""
    client = _Client()
    parser = parser_of(client)
    try:
        for piece in pieces:
            parsing = parser.parse(piece)
            try:
                parsing.send(None)
            except StopIteration:
                continue
            raise AssertionError("a parser waited")
    except (ProtocolError, ValueError):  # the connection begins again
        return client.seen, True
    return client.seen, False
