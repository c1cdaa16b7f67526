"""When to try again, and how long to wait: pure rules over errors and what the server said."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from callmark.client.answers import limits_of
from callmark.client.environment import Environment
from callmark.client.errors import (
    APIConnectionError,
    APIStatusError,
    CallmarkError,
    Conflict,
    RateLimited,
    UnexpectedAnswer,
)
from callmark.client.flow import Answer, Flow, Pause

T = TypeVar("T")
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try without a word of the server, then the last of them; shortened by up to half."""
LONGEST_WAIT_S = 60.0
"""A longer `Retry-After` is not waited for; the error carries it. A minute is the widest window of the requests'
limits (contract 1.7)."""
PATIENT_TRIES = 20
"""How often a long list waits for its turn (429) before it gives up: twenty minutes of the widest window."""
PATIENT_TRIES_OF_A_KEY = 60
"""How often a long list waits for the first try under its key (409, a second each): if the process that took it died,
the server holds the key for 30 s."""
_REDIRECT, _TIMEOUT, _SERVER = 300, 408, 500


class Retries:
    """How often to try again, and when."""

    def __init__(self, most: int, environment: Environment) -> None:
        self._most = most
        self._environment = environment

    def attempts(self, once: Callable[[], Flow[T]], *, is_patient: bool = False) -> Flow[T]:
        """Runs an operation until it succeeds, fails for a reason that stays, or has failed too often."""
        tried, waited = 0, Counter[type[CallmarkError]]()
        while True:
            try:
                return (yield from once())
            except CallmarkError as exc:
                is_waiting = is_patient and waited[type(exc)] < _patience(exc)
                if not may_repeat(exc) or not (is_waiting or tried < self._most):
                    raise
                delay = self._delay(exc, tried)
                if delay is None:
                    raise
                if is_waiting:
                    waited[type(exc)] += 1
                else:
                    tried += 1
            yield Pause(delay)

    def _delay(self, exc: CallmarkError, tried: int) -> float | None:
        """Seconds until the next try; None if the server wants a longer pause than is waited for."""
        backoff = BACKOFF_S[min(tried, len(BACKOFF_S) - 1)] * (1 - self._environment.chance() / 2)
        told = exc.retry_after if isinstance(exc, APIStatusError) else None
        if told is None:
            return backoff
        # Everyone who was refused would come back in the same instant: a part of the back-off spreads them.
        return None if told > LONGEST_WAIT_S else told + backoff / 10


def _patience(exc: CallmarkError) -> int:
    """How often a long list waits for this before it counts as a fault."""
    if isinstance(exc, RateLimited):
        return PATIENT_TRIES
    return PATIENT_TRIES_OF_A_KEY if isinstance(exc, Conflict) and may_repeat(exc) else 0


def may_repeat(exc: CallmarkError) -> bool:
    """Whether the same request may succeed later: connection errors, 408, 429, 5xx, unreadable answers.

    A conflict with `Retry-After` is a first try with the same `Idempotency-Key` that is still running.
    """
    if isinstance(exc, APIConnectionError):
        return True
    if isinstance(exc, UnexpectedAnswer):
        return exc.status < _REDIRECT
    if not isinstance(exc, APIStatusError):
        return False
    if isinstance(exc, Conflict):
        return exc.retry_after is not None
    return isinstance(exc, RateLimited) or exc.status >= _SERVER or exc.status == _TIMEOUT


class Pacer:
    """Remembers what each `RateLimit` header left, and waits where nothing is left, instead of being refused."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._empty_until: dict[str, float] = {}

    def note(self, answer: Answer) -> None:
        """Notes what an answer says about its bucket."""
        for bucket, (left, seconds) in limits_of(answer.headers).items():
            if left:
                self._empty_until.pop(bucket, None)
            else:
                self._empty_until[bucket] = self._environment.monotonic() + min(seconds, LONGEST_WAIT_S)

    def wait(self, bucket: str) -> Flow[None]:
        """Pauses while the bucket is empty."""
        until = self._empty_until.get(bucket)
        if until is not None and (seconds := until - self._environment.monotonic()) > 0:
            yield Pause(seconds)
