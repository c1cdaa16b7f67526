"""An account of an emulator, and clients of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from msgspec.structs import replace

import callmark
from callmark.client.connections import AsyncConnections, Connections
from callmark.client.core import Core
from callmark.client.environment import Environment
from callmark.client.making import Parts
from callmark.client.options import Options
from callmark.client.shells import hide_queries
from callmark.client.token_stores import MemoryTokenStore, TokenState
from callmark.testing.control import Control
from callmark.testing.seeded import SeededAccount, SeededLabel, SeededMember

_NO_KEPT_CONNECTIONS = httpx.Limits(max_keepalive_connections=0)
"""A test's loop ends before its fixtures do: nothing may be left open in it."""


class EmulatorClock(Environment):
    """What clients take for their machine's clock: the emulator's, so that they see it move."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        """Epoch seconds by the product clock."""
        return time.time() + self.ahead_s

    def clock_setting(self) -> float:
        """Always the same: that it moves is no fault of this machine's clock."""
        return 0.0


class ForgetfulTokenStore(MemoryTokenStore):
    """Keeps tokens, and not when they were made: the server counts them, and each reset begins again."""

    def load(self, name: str) -> TokenState:
        """The state without its history."""
        return replace(super().load(name), history=[])


class _Client(callmark.Client):
    def __init__(self, parts: Parts, connections: Connections) -> None:
        self._set_up(parts, connections, closes_connections=False)


class _AsyncClient(callmark.AsyncClient):
    def __init__(self, parts: Parts, connections: AsyncConnections) -> None:
        self._set_up(parts, connections, closes_connections=True)


@dataclass(frozen=True)
class EmulatorAccount:
    """One account with its key pair. `numbers` are listed and offer Call Me Back and feedback."""

    id: str
    name: str
    key_id: str
    api_key: str = field(repr=False)
    labels: tuple[SeededLabel, ...]
    """Those for call records; `static_labels` are for listed numbers."""
    static_labels: tuple[SeededLabel, ...]
    numbers: tuple[str, ...]
    members: tuple[SeededMember, ...] = field(repr=False)
    campaign_id: str
    _control: Control = field(repr=False, compare=False)
    _clock: EmulatorClock = field(repr=False, compare=False)
    _tokens: ForgetfulTokenStore = field(repr=False, compare=False)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that make `callmark.Client()` of a program a client of this account."""
        return {
            "CALLMARK_BASE_URL": self._control.base_url,
            "CALLMARK_ACCOUNT_ID": self.id,
            "CALLMARK_KEY_ID": self.key_id,
            "CALLMARK_API_KEY": self.api_key,
        }

    def client(self) -> callmark.Client:
        """A client that shares its tokens with all others of the account; closing it is not needed."""
        return _Client(self._parts(), self._control.connections)

    def async_client(self) -> callmark.AsyncClient:
        """The same for asyncio and trio."""

        def make() -> httpx.AsyncClient:
            return httpx.AsyncClient(verify=self._control.tls, trust_env=False, limits=_NO_KEPT_CONNECTIONS)

        return _AsyncClient(self._parts(), AsyncConnections(None, make))

    def _parts(self) -> Parts:
        hide_queries()
        options = Options(self._control.base_url, self.id, self.key_id, self.api_key)
        return Parts(Core(options, self._tokens, self._clock), self._tokens, is_http_ours=False)


def account_of(
    seeded: SeededAccount, control: Control, clock: EmulatorClock, tokens: ForgetfulTokenStore
) -> EmulatorAccount:
    """The account that the seed describes."""
    return EmulatorAccount(
        id=seeded.client_account_id,
        name=seeded.name,
        key_id=seeded.key_id,
        api_key=seeded.api_key,
        labels=tuple(seeded.labels.dynamic),
        static_labels=tuple(seeded.labels.static),
        numbers=tuple(seeded.listed_numbers),
        members=tuple(seeded.members),
        campaign_id=seeded.campaign_id,
        _control=control,
        _clock=clock,
        _tokens=tokens,
    )
