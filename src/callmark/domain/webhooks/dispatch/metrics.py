"""What dispatch counts."""

from functools import cache

from callmark.domain.webhooks.model import Attempt, DeliveryState
from callmark.kit.telemetry.metrics import counter

_ATTEMPTS = counter(
    "callmark_delivery_attempts_total",
    "Attempts to deliver an event, by result: success, incomplete (the answer broke off), unreachable (no answer),"
    " or the class of the status that refused it (3xx, 4xx, 5xx).",
    ["result"],
    known=("success", "incomplete", "unreachable", "3xx", "4xx", "5xx"),
)
_ENDED = counter(
    "callmark_deliveries_ended_total",
    "Deliveries that ended, by the state in which they did.",
    ["state"],
    known=[state for state in DeliveryState if state not in {DeliveryState.PENDING, DeliveryState.RESCHEDULED}],
)
_attempts, _ended = cache(_ATTEMPTS.labels), cache(_ENDED.labels)
"""Looked up once for each value: thousands of attempts end in a second."""


def count_attempt(attempt: Attempt, state: DeliveryState) -> None:
    """Notes an attempt, and the end of its delivery when no other follows."""
    _attempts(_result(attempt, state)).inc()
    if state is not DeliveryState.RESCHEDULED:
        _ended(state.value).inc()


def count_unwanted(count: int) -> None:
    """Notes deliveries that ended without an attempt, because their webhook has gone."""
    _ended(DeliveryState.WEBHOOK_NOT_FOUND.value).inc(count)


def _result(attempt: Attempt, state: DeliveryState) -> str:
    if state is DeliveryState.SUCCESS:
        return "success"
    if attempt.status is None:
        return "unreachable"
    status_class = attempt.status // 100
    return f"{status_class}xx" if status_class in {3, 4, 5} else "incomplete"
