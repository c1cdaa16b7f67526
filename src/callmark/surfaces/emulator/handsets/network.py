"""What the virtual handsets of one process share: the way to the gateway, the app credential they register with."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import structlog
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from callmark.broken_json import NOT_JSON
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import PushService
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.clock import Clock
from callmark.kit.engines.data_directory import write_private
from callmark.kit.errors import Conflict, InvalidInput, Unavailable, said
from callmark.kit.phone import PhoneNumber
from callmark.kit.tasks import beside
from callmark.kit.telemetry import tracing
from callmark.surfaces.emulator.handsets.behaviour import Conditions
from callmark.surfaces.emulator.handsets.model import VirtualHandset
from callmark.surfaces.gateway.wire import MOST_FROM_SERVER_BYTES, RegistrationAnswer, RegistrationBody
from callmark.surfaces.http import ErrorBody

log = structlog.get_logger(__name__)

AT_ONCE = 40
"""Registrations and handshakes under way at the same time."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
HANDSHAKE_WITHIN_S = 5.0
CLOSE_WITHIN_S = 1.0
_STARTS_WITHIN_S, _POLL_S = 10.0, 0.02
_CREATED, _REFUSED, _GONE = 201, 401, 204
_PASSING = {408, 429}
APP_NAME = "Virtual handsets"

Save = Callable[[VirtualHandset], Awaitable[None]]
"""Keeps what a handset has become (a new token, the end of its registration)."""

OnChange = Callable[[PhoneNumber], None]


OnTokenEnded = Callable[[PhoneNumber, str], None]


def _nobody_looks(_: PhoneNumber) -> None:
    """No one watches these handsets."""


def _nobody_registers(_: PhoneNumber, __: str) -> None:
    """No one has these handsets register again."""


class AppCredential:
    """The credential of the app that registers virtual handsets: made once, kept in a file (0600)."""

    def __init__(self, deps: Deps, path: Path) -> None:
        self._deps = deps
        self._path = path
        self._lock = asyncio.Lock()

    async def get(self, refused: str = "") -> str:
        """The credential; a new one if there is none, or if the gateway `refused` the one there was."""
        async with self._lock:
            known = self._path.read_text() if self._path.exists() else ""
            if known and known != refused:
                return known
            _, made = await handsets.create_app(self._deps, APP_NAME, by=SYSTEM)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, made.encode())
            log.info("app_credential_made")
            return made


class Network:
    """Registers, forgets and connects handsets at the gateway under `base_url`.

    `longest_wait_s` bounds the pause before a handset connects again; `conditions` hold for all handsets alike.
    `on_change` is called with the number of a handset when something that shows of it has changed, `on_token_ended`
    with its number and its token when the gateway refused the token of what was said as plain HTTP.
    """

    def __init__(
        self,
        base_url: str,
        http: httpx.AsyncClient,
        credential: AppCredential,
        clock: Clock,
        real_clock: Clock,
        save: Save,
        *,
        longest_wait_s: float = LONGEST_WAIT_S,
        conditions: Conditions | None = None,
    ) -> None:
        self._gateway = f"{base_url}/handset/v1"
        self._stream = f"ws{base_url.removeprefix('http')}/handset/v1/stream"
        self._http = http
        self._credential = credential
        self._clock = clock
        self._real = real_clock
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._longest_wait_s = longest_wait_s
        self.save = save
        self.conditions = conditions or Conditions()
        self.on_change: OnChange = _nobody_looks
        self.on_token_ended: OnTokenEnded = _nobody_registers

    def now_ms(self) -> int:
        """The product clock."""
        return to_ms(self._clock.now())

    async def pause(self, seconds: float) -> None:
        """Returns after `seconds` of real time."""
        await self._real.sleep(timedelta(seconds=seconds))

    async def until_it_listens(self) -> None:
        """Returns once the gateway accepts connections, or after ten seconds: its process starts beside this one.

        Handsets that are refused meanwhile would back off, the last of sixteen for some seconds.
        """
        url = httpx.URL(self._gateway)
        port = url.port or (443 if url.scheme == "https" else 80)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STARTS_WITHIN_S):
                while True:
                    try:
                        _, writer = await asyncio.open_connection(url.host, port)
                    except OSError:
                        await self.pause(_POLL_S)
                    else:
                        writer.close()
                        return

    async def back_off(self, failures: int) -> None:
        """Waits a random part of a delay that doubles with each of `failures` in a row (from 1)."""
        delay = min(FIRST_WAIT_S * 2 ** min(failures - 1, 10), self._longest_wait_s)
        await self.pause(delay * secrets.randbelow(1000) / 1000)

    async def register(self, handset: VirtualHandset) -> str:
        """Registers the number and gives its token. Raises Unavailable, InvalidInput."""
        body = RegistrationBody(
            phone_number=handset.phone_number,
            os=handset.os,
            app_version=handset.app_version,
            push_service=PushService.FCM if handset.push_token else None,
            push_token=handset.push_token,
        )
        async with self._gate:
            credential = await self._credential.get()
            answer = await self._send("POST", "registrations", credential, msgspec.json.encode(body))
            if answer.status_code == _REFUSED:
                credential = await self._credential.get(refused=credential)
                answer = await self._send("POST", "registrations", credential, msgspec.json.encode(body))
        if answer.status_code != _CREATED:
            raise _error_of(answer)
        return msgspec.json.decode(answer.content, type=RegistrationAnswer).token

    async def forget(self, token: str) -> None:
        """Ends the registration with this token, if it has not ended already. Raises Unavailable."""
        async with self._gate:
            answer = await self._send("DELETE", "registrations", token)
        if answer.status_code not in (_GONE, _REFUSED):
            raise _error_of(answer)

    async def connect(self, token: str) -> ClientConnection:
        """An open stream. Raises Unavailable.

        The server pings; we do not, because a gateway on this machine that dies closes its sockets.
        """
        async with self._gate:
            try:
                return await connect(
                    self._stream,
                    additional_headers={"Authorization": f"Bearer {token}"},
                    compression=None,
                    proxy=None,
                    open_timeout=HANDSHAKE_WITHIN_S,
                    close_timeout=CLOSE_WITHIN_S,
                    ping_interval=None,
                    max_size=MOST_FROM_SERVER_BYTES,
                    max_queue=64,
                )
            except (OSError, WebSocketException, EOFError) as exc:
                raise Unavailable(f"gateway: {said(exc)}") from exc

    async def say(self, handset: VirtualHandset, verb: str, body: Struct) -> bytes:
        """Does a verb as plain HTTP, beside whatever stream there is; its answer.

        Raises what it is refused with; Unavailable while it is not registered, also because its token has ended.
        """
        if (token := handset.token) is None:
            raise Unavailable("gateway: not registered yet")
        answer = await self._send("POST", verb, token, msgspec.json.encode(body))
        if answer.status_code == _REFUSED:
            self.on_token_ended(handset.phone_number, token)
            raise Unavailable("gateway: the token has ended")
        if not answer.is_success:
            raise _error_of(answer)
        return answer.content

    async def _send(self, method: str, path: str, credential: str, body: bytes = b"") -> httpx.Response:
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
        if traceparent := tracing.current():
            headers[tracing.HEADER] = traceparent
        try:
            return await beside(self._http.request(method, f"{self._gateway}/{path}", content=body, headers=headers))
        except httpx.HTTPError as exc:
            raise Unavailable(f"gateway: {said(exc)}") from exc


def _error_of(answer: httpx.Response) -> InvalidInput | Conflict | Unavailable:
    """What the gateway says is wrong; the cause of a 4xx will not go away on its own, but of a pause or a limit."""
    if answer.is_client_error and answer.status_code not in _PASSING:
        try:
            told = msgspec.json.decode(answer.content, type=ErrorBody)
            return Conflict(told.message) if told.slug == Conflict.slug else InvalidInput(told.message)
        except NOT_JSON:
            return InvalidInput(f"the gateway answered {answer.status_code}")
    return Unavailable(f"gateway: status {answer.status_code}")
