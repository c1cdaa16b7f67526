"""The wake-up that a sleeping handset waits for, and the push token by which its app is found."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from callmark.kit.phone import PhoneNumber

_KIND = "emulator"


def new_push_token(phone: PhoneNumber) -> str:
    """The token of an installation of the app, as the push service gives it."""
    return f"{_KIND}:{phone}:{secrets.token_urlsafe(24)}"


def phone_of(push_token: str) -> PhoneNumber:
    """The number whose app it was made for; of anything else, a number that nobody has."""
    return PhoneNumber(push_token.removeprefix(f"{_KIND}:").partition(":")[0])


class WakeUp:
    """When one handset's app is to run. Instants are milliseconds of the product clock."""

    __slots__ = ("_due_ms", "_news")

    def __init__(self) -> None:
        self._due_ms: int | None = None
        self._news = asyncio.Event()

    def come(self, due_ms: int) -> None:
        """The app is to run then; of several the first counts."""
        self._due_ms = due_ms if self._due_ms is None else min(due_ms, self._due_ms)
        self._news.set()

    def drop(self) -> None:
        """The app runs: what had come before has done its work."""
        self._due_ms = None

    def look_again(self) -> None:
        """The clock was moved."""
        self._news.set()

    async def wait(self, now_ms: Callable[[], int]) -> None:
        """Returns when the app is to run."""
        while self._due_ms is None or now_ms() < self._due_ms:
            self._news.clear()
            left_s = None if self._due_ms is None else (self._due_ms - now_ms()) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._news.wait()
