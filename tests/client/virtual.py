"""Runs the library's operations against a server that a test plays, on a clock that only pauses move."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import httpx
from msgspec import Struct, field

from callmark.client.core import Core
from callmark.client.environment import Environment
from callmark.client.flow import Answer, Apart, Emit, Flow, Pause, Request, Send, Stream, Take
from callmark.client.options import Generation, Options
from callmark.client.token_stores import MemoryTokenStore, TokenStore

T = TypeVar("T")
BEGIN = datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp()
RECORD: dict[str, Any] = {
    "caller": "918040001234",
    "receiver": "919900000001",
    "label_id": "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10",
}
Reply = Answer | Exception
Handler = Callable[[Request], Reply]


@dataclass
class VirtualTime(Environment):
    """A clock that pauses move."""

    seconds: float = 0.0
    shift: float = 0.0
    """How far this machine's clock is ahead of the server's."""
    keys: int = 0

    def now(self) -> float:
        return BEGIN + self.seconds + self.shift

    def monotonic(self) -> float:
        return self.seconds

    def chance(self) -> float:
        return 0.0

    def new_key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; names of headers with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, httpx.Headers({"content-type": "application/json"} | named), json.dumps(body).encode())


def error(status: int, slug: str = "some-slug", message: str = "some message", **headers: str) -> Answer:
    """An error in the first envelope."""
    return answer({"slug": slug, "message": message}, status, **headers)


class Played(Struct):
    """One server and clients of it; makes tokens itself, everything else is the test's."""

    handler: Handler
    time: VirtualTime = field(default_factory=VirtualTime)
    requests: list[Request] = field(default_factory=list[Request])
    pauses: list[float] = field(default_factory=list[float])
    tokens: int = 0
    server_shift: float = 0.0
    """How far the server's clock was moved."""
    token_reply: Callable[[], Reply | None] = lambda: None

    def core(
        self, *, generation: Generation = 2, max_retries: int = 2, store: TokenStore | None = None, **given: str
    ) -> Core:
        """A client's core."""
        named = {"account_id": "acc", "key_id": "key", "api_key": "s3cret"} | given
        options = Options("http://callmark.test", **named, generation=generation, max_retries=max_retries)  # pyright: ignore[reportArgumentType] - `given` names only texts
        return Core(options, store or MemoryTokenStore(), self.time)

    def run(self, flow: Flow[T]) -> T:
        """The operation's result."""
        try:
            effect = next(flow)
            while True:
                assert not isinstance(effect, Emit)
                effect = self._step(flow, effect)
        except StopIteration as done:
            return done.value

    def iterate(self, flow: Stream[T]) -> Iterator[T]:
        """The operation's items."""
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Emit):
                    yield effect.item  # pyright: ignore[reportUnknownMemberType] - of a union of generators
                    effect = flow.send(None)
                else:
                    effect = self._step(flow, effect)
        except StopIteration:
            return

    def _step(self, flow: Any, effect: object) -> Any:
        match effect:
            case Send():
                reply = self._reply(effect.request)
                return flow.throw(reply) if isinstance(reply, Exception) else flow.send(reply)
            case Pause():
                self.pauses.append(effect.seconds)
                self.time.seconds += effect.seconds
                return flow.send(None)
            case Take():
                try:
                    rows = _taken(effect)
                except Exception as exc:  # noqa: BLE001 - as the shells do
                    return flow.throw(exc)
                return flow.send(rows)
            case Apart():
                try:
                    result = self.run(effect.flow)
                except Exception as exc:  # noqa: BLE001 - as the shells do
                    return flow.throw(exc)
                return flow.send(result)
            case _:
                raise AssertionError(effect)

    def _reply(self, request: Request) -> Reply:
        if not request.url.endswith("/token"):
            self.requests.append(request)
            return self.handler(request)
        if (reply := self.token_reply()) is not None:
            return reply
        self.tokens += 1
        made_at = datetime.fromtimestamp(BEGIN + self.time.seconds + self.server_shift, UTC).isoformat()
        return answer({"token": f"token-{self.tokens}", "created_at": made_at})


def _taken(effect: Take) -> list[Any]:
    assert not isinstance(effect.source, AsyncIterator)
    return list(islice(effect.source, effect.count))


def apart_of(flow: Flow[Any]) -> Flow[Any]:
    """What an operation wants to have run on its own, which is the next thing that it wants."""
    effect = next(flow)
    assert isinstance(effect, Apart)
    return effect.flow


def replies(*given: Reply) -> Handler:
    """Gives these one after the other."""
    left = iter(given)
    return lambda _: next(left)


def body_of(request: Request) -> dict[str, Any]:
    """A request's JSON."""
    return json.loads(request.body or b"{}")


def headers_of(request: Request) -> Mapping[str, str]:
    """A request's headers, found in any case."""
    return httpx.Headers(dict(request.headers))
