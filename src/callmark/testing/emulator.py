"""The platform in a process of its own, for tests: handsets, a clock, webhooks, faults."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from callmark.client.profiles import write_private
from callmark.client.real_dates import datetime
from callmark.testing.accounts import EmulatorAccount, EmulatorClock, ForgetfulTokenStore, account_of
from callmark.testing.control import Control, EmulatorError
from callmark.testing.handset import EmulatorHandset, HandsetOS
from callmark.testing.receivers import CaughtMail, EmulatorSink, EmulatorWebhook
from callmark.testing.seeded import SeededAccount, SeededLabel, SeededLabels, SeededMember, SeededPlatform, read_seeded

_FIRST_NUMBER, _NUMBERS = 919876500000, 100_000
"""Numbers of new handsets; none of them is a magic receiver or an example of the documentation."""
_TRIVIAL_S = 2.0
"""A difference between the clocks that may be the way of the answer."""
_POLL_S = 0.02
_FAILS_WITH = 500
"""What a request that is to fail is answered with if nobody says it."""


class _ClockState(Struct, frozen=True):
    now: datetime


class _TakenNumber(Struct, frozen=True):
    phone_number: str


class _WorkState(Struct, frozen=True):
    idle: bool
    work: dict[str, int]


class _MadeKey(Struct, frozen=True):
    key_id: str
    api_key: str


class _MadeLabel(Struct, frozen=True):
    id: str
    name: str
    type: str


class _MadeAccount(Struct, frozen=True, kw_only=True):
    client_account_id: str
    name: str
    keys: list[_MadeKey]
    members: list[SeededMember]
    labels: list[_MadeLabel]


class ClockControl:
    """The product clock, by which everything is judged."""

    def __init__(self, control: Control, seen_by_clients: EmulatorClock) -> None:
        self._control = control
        self._seen = seen_by_clients

    def now(self) -> datetime:
        """The instant that the product clock shows."""
        return self._took(self._control.ask("GET", "clock", _ClockState))

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Moves it on, at most 400 days. What has become due starts; `wait_idle` returns when it is done."""
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._took(self._control.ask("POST", "clock", _ClockState, advance_s=by.total_seconds()))

    def _took(self, state: _ClockState) -> datetime:
        ahead_s = state.now.timestamp() - time.time()
        self._seen.ahead_s = ahead_s if abs(ahead_s) > _TRIVIAL_S else 0.0
        return state.now


class Emulator:
    """A running emulator. `start` starts one, `connect` uses one that runs. Threads may share it.

    Calls block until they have an effect. In a coroutine, run those that wait for your own program (`wait_idle`) in a
    thread.
    """

    def __init__(self, seeded: SeededPlatform) -> None:
        self._seeded = seeded
        self._control = Control(seeded.base_url, seeded.emulator_token)
        self._seen_by_clients = EmulatorClock()
        self._tokens = ForgetfulTokenStore()
        self._handset_numbers = count()
        self.clock = ClockControl(self._control, self._seen_by_clients)

    def __repr__(self) -> str:
        return f"Emulator({self.base_url!r})"

    @classmethod
    @contextmanager
    def start(cls, *, port: int = 0) -> "Generator[Emulator]":
        """Starts the platform on a free port (or `port`) and ends it, with all its data, after the block.

        Needs `callmark[testing]`. Raises EmulatorError.
        """
        from callmark.testing.platform_process import started

        with started(port) as seeded:
            emulator = cls(seeded)
            try:
                yield emulator
            finally:
                emulator.close()

    @classmethod
    def connect(cls, url: str, credentials: Path) -> "Emulator":
        """Uses a `callmark demo` that runs at `url`; `credentials` is the file that it wrote. Raises EmulatorError."""
        seeded = read_seeded(credentials)
        emulator = cls(SeededPlatform(base_url=url, accounts=seeded.accounts, emulator_token=seeded.emulator_token))
        emulator.clock.now()
        return emulator

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._control.base_url

    @property
    def number(self) -> str:
        """A listed number of the first account, which offers Call Me Back and asks for feedback."""
        return self.account().numbers[0]

    @property
    def label(self) -> SeededLabel:
        """A label of the first account for call records."""
        return self.account().labels[0]

    def account(self, i: int = 0) -> EmulatorAccount:
        """The i-th seeded account; there are two."""
        return self._account_of(self._seeded.accounts[i])

    def new_account(self, name: str, **wanted: Any) -> EmulatorAccount:
        """Another account, with a key and a label; `features`, `members` and `labels` as in docs/emulator.md."""
        made = self._control.ask("POST", "accounts", _MadeAccount, name=name, **wanted)
        labels = {kind: [SeededLabel(x.id, x.name) for x in made.labels if x.type == kind] for kind in _LABEL_TYPES}
        return self._account_of(
            SeededAccount(
                name=made.name,
                client_account_id=made.client_account_id,
                key_id=made.keys[0].key_id,
                api_key=made.keys[0].api_key,
                members=made.members,
                labels=SeededLabels(**labels),
            )
        )

    def handset(
        self,
        *,
        os: HandsetOS = "android",
        app_version: str = "4.2.0",
        online: bool = True,
        script: Mapping[str, object] | None = None,
    ) -> EmulatorHandset:
        """A new handset with a free number, registered and connected. `script` is its behaviour (docs/emulator.md)."""
        number = self._free_number()
        body = {"phone_number": number, "os": os, "app_version": app_version, "online": online}
        self._control.tell("POST", "handsets", **body, script=dict(script or {}))
        return EmulatorHandset(number, self._control, has_script=bool(script))

    def _free_number(self) -> str:
        """One that no handset has; another program may have made some, too."""
        taken = {one.phone_number for one in self._control.ask("GET", "handsets", list[_TakenNumber])}
        for number in self._handset_numbers:  # one for each thread that asks
            if (text := str(_FIRST_NUMBER + number % _NUMBERS)) not in taken:
                return text
        raise AssertionError  # it counts without end

    def sink(self, name: str = "sink") -> EmulatorSink:
        """A receiver inside the emulator that records requests."""
        return EmulatorSink(name, self._control)

    def webhook(self, url: str | EmulatorSink, *, account: EmulatorAccount | None = None) -> EmulatorWebhook:
        """A webhook of the first account (or `account`) that sends every event to `url`, on this machine or a sink."""
        to = url.url if isinstance(url, EmulatorSink) else url
        of = account or self.account()
        return self._control.ask("POST", "webhooks", EmulatorWebhook, client_account_id=of.id, url=to)

    def mails(self) -> list[CaughtMail]:
        """The emails that would have been sent, oldest first."""
        return self._control.ask("GET", "mails", list[CaughtMail])

    def fail(
        self,
        *,
        status: int | None = None,
        slug: str | None = None,
        count: int | None = None,
        latency_ms: int | None = None,
        drop_every: int | None = None,
    ) -> None:
        """The next `count` (1) requests of the API fail with `status` or `slug`, else 500, and change nothing.

        `latency_ms` and `drop_every` as in docs/emulator.md; with these alone no request fails. Replaces the faults
        that were set before.
        """
        others = {"latency_ms": latency_ms, "drop_every": drop_every}
        if status is None and slug is None and (count is not None or set(others.values()) == {None}):
            status = _FAILS_WITH
        faults = {"status": status, "slug": slug, "count": count, **others}
        self._control.tell("PUT", "faults", **{name: value for name, value in faults.items() if value is not None})

    def stop_failing(self) -> None:
        """No faults are left."""
        self._control.tell("DELETE", "faults")

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Returns when nothing is left to be done: batches pushed, events delivered, numbers listed, alerts written.

        A delivery that failed is tried again later, by the product clock, and is not waited for. Raises EmulatorError
        after `timeout` seconds.
        """
        until = time.monotonic() + timeout
        while not (state := self._control.ask("GET", "work", _WorkState)).idle:
            if time.monotonic() > until:
                left = ", ".join(f"{count} {name}" for name, count in state.work.items() if count)
                raise EmulatorError(f"after {timeout:g} s there is still work: {left}")
            time.sleep(_POLL_S)

    def reset(self) -> None:
        """Back to the seed: accounts, webhooks, handsets and records that were made are gone, the clock is right."""
        self._control.tell("POST", "reset", to="seed")
        self.clock.now()

    def save_credentials(self, path: Path) -> None:
        """Writes what `connect`, and tests with CALLMARK_EMULATOR_CREDENTIALS, need in other processes; mode 0600."""
        write_private(path, msgspec.json.encode(self._seeded))

    def close(self) -> None:
        """Closes the connections to it."""
        self._control.close()

    def _account_of(self, seeded: SeededAccount) -> EmulatorAccount:
        return account_of(seeded, self._control, self._seen_by_clients, self._tokens)


_LABEL_TYPES = ("dynamic", "static")
