"""Where events go in tests: sinks, which record requests, and webhooks that point to them or to the test's program."""

import json
from typing import Any, cast

from msgspec import Struct

import callmark
from callmark.client.real_dates import datetime
from callmark.testing.control import Control


class RecordedRequest(Struct, frozen=True):
    """A request as it came; header names are in lower case, `at` is by the product clock."""

    at: datetime
    method: str
    query: str
    headers: dict[str, str]
    body: str

    def json(self) -> dict[str, Any]:
        """The body, decoded from JSON."""
        return cast("dict[str, Any]", json.loads(self.body))

    def event(self, secret: str) -> callmark.Event:
        """The verified event. Raises WebhookVerificationError if it is not signed with the webhook's secret.

        However long ago it was signed: a recorded request may be old.
        """
        return callmark.webhooks.unwrap(self.body, self.headers, secret=secret, tolerance=float("inf"))


class _SinkState(Struct, frozen=True):
    local_url: str


class EmulatorSink:
    """A receiver of webhooks inside the emulator: records each request, and answers as configured.

    `url` is where the platform reaches it, which need not be an address that the tests reach.
    """

    def __init__(self, name: str, control: Control) -> None:
        self.name = name
        self.url = ""
        self._control = control
        self.answer()

    def __repr__(self) -> str:
        return f"EmulatorSink({self.url!r})"

    def requests(self) -> list[RecordedRequest]:
        """What it has received, oldest first, at most the newest 1000."""
        return self._control.ask("GET", f"sinks/{self.name}/requests", list[RecordedRequest])

    def answer(self, status: int = 200, **how: object) -> None:
        """How it answers from now on: `status`, `delay_s`, `headers`, `body`, `drip`, `reset` (docs/emulator.md)."""
        made = self._control.ask("PUT", f"sinks/{self.name}", _SinkState, status=status, **how)
        self.url = made.local_url


class EmulatorWebhook(Struct, frozen=True):
    """A webhook of the first account. Its deliveries are signed with `secret`."""

    id: str
    name: str
    url: str
    secret: str


class CaughtMail(Struct, frozen=True):
    """An email that would have been sent."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: datetime
