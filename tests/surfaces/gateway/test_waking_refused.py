"""What the push service refuses: what is tried again, when, and what is final."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.cases import each
from tests.support.databases import Databases
from tests.support.due_work import run_due_once
from tests.support.fake_clock import FakeClock
from tests.surfaces.gateway.fake_fcm import FakeFcm
from tests.surfaces.gateway.waking import ask_to_wake, sleeping

from callmark.domain.deps import Deps
from callmark.domain.handsets import waking as waking_up

BUSY: dict[str, Any] = {
    "error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded.", "details": []}
}

Delay = tuple[tuple[int, dict[str, Any], dict[str, str]], timedelta]

DELAYS: list[Delay] = [
    ((429, BUSY, {"Retry-After": "7"}), timedelta(seconds=7)),
    ((503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}}, {}), timedelta(seconds=1)),
    ((500, {}, {}), timedelta(seconds=1)),
]
"""What the service answers once, and when it is asked again."""

About = tuple[tuple[int, str], int]

ABOUT: list[About] = [
    ((400, "INVALID_ARGUMENT"), 1),
    ((400, ""), 1),
    ((403, "SENDER_ID_MISMATCH"), 1),
    ((403, ""), 2),  # our service account lacks the right, or the service is not switched on yet
    ((404, ""), 2),  # there is no such project
    ((302, ""), 2),
    ((408, ""), 2),
]
"""What the service answers once, and how often the message is then sent."""


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Here a worker has made its days."""
    return databases_with_days


async def test_a_service_that_is_busy_is_asked_again_later(waking: Deps, fcm: FakeFcm, clock: FakeClock) -> None:
    async def check(case: Delay) -> None:
        answer, after = case
        await _asked(waking, fcm)
        fcm.answers = [answer]
        await run_due_once(waking)
        clock.advance(after - timedelta(seconds=0.1))
        await run_due_once(waking)
        assert len(fcm.messages()) == 1
        clock.advance(timedelta(seconds=0.2))
        await run_due_once(waking)
        assert len(fcm.messages()) == 2
        await run_due_once(waking)
        assert len(fcm.messages()) == 2

    await each(DELAYS, check)


async def test_a_sign_on_that_fails_says_nothing_about_the_message(
    waking: Deps, fcm: FakeFcm, clock: FakeClock
) -> None:
    """400 comes while our clock is a little off, or a new key is not known everywhere."""

    async def check(status: int) -> None:
        await _asked(waking, fcm)
        fcm.refusals = [status]
        await run_due_once(waking)
        assert (fcm.sign_ons(), fcm.messages()) == (1, [])
        clock.advance(waking_up.FIRST_RETRY)
        await run_due_once(waking)
        assert len(fcm.messages()) == 1

    await each([302, 400, 401, 403, 404, 408, 429, 503], check)


async def _asked(waking: Deps, fcm: FakeFcm) -> None:
    """A message to another phone is due, and nobody has asked the service for anything yet."""
    fcm.requests.clear()
    await ask_to_wake(waking, await sleeping(waking))


async def test_a_sign_on_that_fails_is_not_repeated_at_once_for_every_sleeping_phone(
    waking: Deps, fcm: FakeFcm
) -> None:
    fcm.refusals = [400] * 9
    for _ in range(9):
        await ask_to_wake(waking, await sleeping(waking))
    await run_due_once(waking)
    assert fcm.sign_ons() == 1


async def test_only_what_is_said_about_the_message_is_final(waking: Deps, fcm: FakeFcm, clock: FakeClock) -> None:
    async def check(case: About) -> None:
        (status, code), times = case
        details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
        await _asked(waking, fcm)
        fcm.answers = [(status, {"error": {"code": status, "message": "no", "details": details}}, {})]
        await run_due_once(waking)
        clock.advance(waking_up.FIRST_RETRY)
        await run_due_once(waking)
        assert len(fcm.messages()) == times

    await each(ABOUT, check)
