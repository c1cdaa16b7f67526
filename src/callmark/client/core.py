"""What every operation goes through: address, token, pace, retries, logging. Knows no route and does no I/O."""

import copy
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from callmark.client.answers import check, decoded
from callmark.client.environment import Environment
from callmark.client.errors import AuthenticationError, BadRequest, CallmarkError
from callmark.client.flow import Answer, Flow, Request, send
from callmark.client.options import Options
from callmark.client.reprs import SafeRepr, SecretBytes, SecretText
from callmark.client.retries import Pacer, Retries
from callmark.client.token_stores import TokenStore
from callmark.client.tokens import USER_AGENT, Tokens

T = TypeVar("T")
log = logging.getLogger("callmark")
CLOCK_MOVED_S = 30.0
"""A difference that is not the time that a try took."""


class Call(SafeRepr, Struct, frozen=True):
    """One request as an operation means it; the token, and the rest of the address, are added for each try."""

    method: str
    path: str
    """Below the base URL; what users typed into it is quoted (`part`)."""
    query: Mapping[str, str] = {}
    body: bytes | None = None
    bucket: str = ""
    """The rate limit it counts in (contract D7); empty if none."""
    idempotency_key: str = ""
    is_patient: bool = False
    """Part of a long list: a rate limit, or a first try that still holds its key, is waited for much longer."""


def part(text: object) -> str:
    """A text as one segment of a path."""
    return quote(str(text), safe="", errors="replace")


class Core:
    """The rules of one client, shared by its copies' operations."""

    def __init__(
        self, options: Options, store: TokenStore, environment: Environment, pacer: Pacer | None = None
    ) -> None:
        self.options = options
        self.environment = environment
        self.pacer = pacer or Pacer(environment)
        self.tokens = Tokens(options, store, environment, self.pacer.note)
        self.retries = Retries(options.max_retries, environment)

    def without_retries(self) -> "Core":
        """The same, with the same tokens and limits, which tries nothing again."""
        same = copy.copy(self)
        same.retries = Retries(0, self.environment)
        return same

    @property
    def account(self) -> str:
        """`clients/{clientAccountId}` of the paths without a prefix."""
        return self.options.account_path

    @property
    def personalisation(self) -> str:
        """The same with the prefix of the client's generation."""
        generation = self.options.generation
        return self.account if generation == 1 else f"/v{generation}{self.account}"

    @property
    def extensions(self) -> str:
        """The same for Callmark's own routes."""
        return f"/extensions/v1{self.account}"

    def server_now_ms(self) -> Flow[int]:
        """The server's present in epoch milliseconds, as its newest token tells; an emulator is asked each time."""
        yield from self.retries.attempts(self.tokens.current)
        yield from self.tokens.read_moved_clock()
        return int((self.environment.now() + self.tokens.clock_offset_s) * 1000)

    def has_moved_clock(self, now_ms: int) -> Flow[bool]:
        """Whether the server's clock is elsewhere than `now_ms` assumed a moment ago; a new token tells where it is.

        An emulator's clock is moved while its tokens stay valid; so may be the clock of this machine.
        """
        if not self._is_off(now_ms):
            token = yield from self.tokens.current()
            try:
                yield from self.tokens.current(token)
            except CallmarkError:  # no more tokens now: what was wrong stays wrong
                return False
        return self._is_off(now_ms)

    def _is_off(self, now_ms: int) -> bool:
        assumed = self.environment.now() + self.tokens.clock_offset_s
        return abs(assumed - now_ms / 1000) > CLOCK_MOVED_S

    def fetch(self, call: Call, shape: type[T]) -> Flow[T]:
        """The answer of a call as a Struct, after retries. Raises the errors of the tree."""
        return (yield from self.exchange(call, lambda answer: decoded(answer, shape)))

    def exchange(self, call: Call, read: Callable[[Answer], T], *, is_push: bool = False) -> Flow[T]:
        """What `read` makes of the answer, after retries. Raises the errors of the tree."""

        def once() -> Flow[T]:
            return self._once(call, read, is_push=is_push)

        return (yield from self.retries.attempts(once, is_patient=call.is_patient))

    def _once(self, call: Call, read: Callable[[Answer], T], *, is_push: bool) -> Flow[T]:
        """One try; a token that is refused is replaced once, which is no retry."""
        token = yield from self.tokens.current()
        answer = yield from self._sent(call, token)
        try:
            check(answer, is_push=is_push)
        except AuthenticationError:
            token = yield from self.tokens.current(token)
            answer = yield from self._sent(call, token)
            check(answer, is_push=is_push)
        return read(answer)

    def _sent(self, call: Call, token: str) -> Flow[Answer]:
        if call.bucket:
            yield from self.pacer.wait(call.bucket)
        began = self.environment.monotonic()
        try:
            answer = yield from send(self._request(call, token))
        except CallmarkError as exc:
            log.info("%s %s: %s", call.method, call.path, type(exc).__name__)
            raise
        self.pacer.note(answer)
        if log.isEnabledFor(logging.DEBUG):
            took_ms = (self.environment.monotonic() - began) * 1000
            request_id = answer.headers.get("x-request-id", "-")
            log.debug("%s %s: %s in %.0f ms, %s", call.method, call.path, answer.status, took_ms, request_id)
        return answer

    def _request(self, call: Call, token: str) -> Request:
        url = self.options.base_url + call.path + (f"?{urlencode(call.query, errors='replace')}" if call.query else "")
        headers = {
            "Authorization": SecretText(f"Bearer {token}"),
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if call.idempotency_key:
            headers["Idempotency-Key"] = call.idempotency_key
        return Request(call.method, url, headers, call.body)


def encode(value: object) -> bytes:
    """A body. Raises BadRequest for what JSON cannot say: half of a character, a number of more than 64 bits."""
    try:
        return SecretBytes(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError) as exc:
        raise BadRequest(f"this cannot be sent: {exc}", status=0) from exc
