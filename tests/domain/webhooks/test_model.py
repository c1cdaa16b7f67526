"""Pure rules of webhooks: names, addresses, the schedule, what an answer means."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.domain.webhooks.model import (
    SCHEDULE,
    Configuration,
    DeliveryState,
    DueDelivery,
    Secrets,
    next_attempt_at,
    retry_after,
    verdict_on,
    webhook_name,
)
from callmark.kit.errors import InvalidInput
from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Answered, Unreachable
from callmark.kit.outbound.urls import outbound_url

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
ONE = UUID(int=1)
TO = Configuration(
    WebhookId(ONE),
    AccountId(ONE),
    "orders",
    "https://hooks.acme.example/",
    Secrets(b""),
    honours_retry_after=False,
    stops_on_gone=False,
    is_deleted=False,
    event_types=frozenset(EventType),
)
DUE = DueDelivery(DeliveryId(ONE), NOW, EventId(ONE), 0, 0, b"{}", TO)


def answered(status: int, retry: str | None = None) -> Answered:
    return Answered(status, retry, "", b"")


def test_the_schedule_is_the_documented_one() -> None:
    minutes = [pause / timedelta(minutes=1) for pause in SCHEDULE]
    assert minutes == [2, 6, 30, 60, 300, 24 * 60, 48 * 60]


@given(st.integers(1, 20), st.timedeltas(timedelta(), timedelta(days=30)))
def test_a_wish_delays_to_at_most_twice_the_pause_and_never_brings_forward(failures: int, asked: timedelta) -> None:
    found = next_attempt_at(NOW, failures, asked=asked)
    if failures > len(SCHEDULE):
        assert found is None
    else:
        planned = SCHEDULE[failures - 1]
        assert found is not None
        assert NOW + planned <= found <= NOW + 2 * planned
        assert found - NOW in {planned, asked, 2 * planned}


@given(st.integers(100, 599))
def test_any_2xx_is_success_and_nothing_else(status: int) -> None:
    state = verdict_on(answered(status), DUE, NOW, NOW).state
    assert (state is DeliveryState.SUCCESS) == (200 <= status <= 299)


def test_no_answer_is_a_failure() -> None:
    verdict = verdict_on(Unreachable("connection refused"), DUE, NOW, NOW)
    assert (verdict.state, verdict.due_at) == (DeliveryState.RESCHEDULED, NOW + SCHEDULE[0])


def test_the_eighth_failure_is_the_last() -> None:
    assert verdict_on(answered(500), replace(DUE, failures=6), NOW, NOW).due_at == NOW + SCHEDULE[6]
    verdict = verdict_on(answered(500), replace(DUE, failures=7), NOW, NOW)
    assert (verdict.state, verdict.due_at) == (DeliveryState.FAILED, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        (" 90 ", 90),
        ("Thu, 01 Jan 2026 10:01:30 GMT", 90),
        ("Thu, 01 Jan 2026 09:00:00 GMT", 0),
        ("9" * 400, 10**9),
        ("Thu, 01 Jan 2026 10:00:07 +99999999999999999999", 0),
        ("01 Jan 99999999999 10:00:00 GMT", 0),
        ("01 Jan 2026 -99999999999999999999:00:00 GMT", 0),
        ("٣", 0),
    ],
)
def test_a_wish_is_seconds_or_a_date(text: str | None, seconds: int) -> None:
    assert retry_after(text, NOW) == timedelta(seconds=seconds)


def test_a_name_has_at_most_fifty_characters() -> None:
    assert webhook_name("  " + "ü" * 50 + " ") == "ü" * 50
    with pytest.raises(InvalidInput, match="at most 50"):
        webhook_name("a" * 51)
    with pytest.raises(InvalidInput, match="required"):
        webhook_name("  ")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.acme.example",
        "http://hooks.acme.example:8080/a//b/../c;p?key=%2f+%zz&&",
        "https://user:pass@hooks.acme.example/",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1::1]/",
        "HTTPS://hooks.acme.example/" + "a" * 2021,
    ],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert outbound_url(url, ()) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "complete address"),
        ("hooks.acme.example/x", "complete address"),
        ("ftp://hooks.acme.example/", "complete address"),
        ("https:///x", "complete address"),
        ("https://hooks.acme.example:99999/", "complete address"),
        ("https://hooks.acme.example:0/", "complete address"),
        ("https://[::1/", "complete address"),
        ("https://hooks.acme.example/a b", "ASCII"),
        ("https://hooks.acme.example/\n", "ASCII"),
        ("https://höks.example/", "ASCII"),
        ("https://hooks.acme.example/" + "a" * 2022, "2048"),
        ("http://localhost/", "loopback"),
        ("http://api.localhost./", "loopback"),
        ("http://127.1/", "loopback"),
        ("http://0x7f000001/", "loopback"),
        ("http://2130706433/", "loopback"),
        ("http://10.0.0.1/", "private"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[::ffff:10.0.0.1]/", "inside an IPv6"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        outbound_url(url, ())


def test_an_allowed_network_may_be_named() -> None:
    assert outbound_url("http://localhost:8700/x", LOOPBACK) == "http://localhost:8700/x"
