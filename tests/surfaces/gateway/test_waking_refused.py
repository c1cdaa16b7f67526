"""What the push service refuses: what is tried again, when, and what is final."""

from datetime import timedelta
from typing import Any

import pytest
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

DELAYS: list[tuple[tuple[int, dict[str, Any], dict[str, str]], timedelta]] = [
    ((429, BUSY, {"Retry-After": "7"}), timedelta(seconds=7)),
    ((503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}}, {}), timedelta(seconds=1)),
    ((500, {}, {}), timedelta(seconds=1)),
]

ABOUT: list[tuple[tuple[int, str], int]] = [
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


@pytest.mark.parametrize(("answer", "after"), DELAYS)
async def test_a_service_that_is_busy_is_asked_again_later(
    waking: Deps,
    fcm: FakeFcm,
    clock: FakeClock,
    answer: tuple[int, dict[str, Any], dict[str, str]],
    after: timedelta,
) -> None:
    owner = await sleeping(waking)
    fcm.answers = [answer]
    await ask_to_wake(waking, owner)
    await run_due_once(waking)
    clock.advance(after - timedelta(seconds=0.1))
    await run_due_once(waking)
    assert len(fcm.messages()) == 1
    clock.advance(timedelta(seconds=0.2))
    await run_due_once(waking)
    assert len(fcm.messages()) == 2
    await run_due_once(waking)
    assert len(fcm.messages()) == 2


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 408, 429, 503])
async def test_a_sign_on_that_fails_says_nothing_about_the_message(
    waking: Deps, fcm: FakeFcm, clock: FakeClock, status: int
) -> None:
    """400 comes while our clock is a little off, or a new key is not known everywhere."""
    owner = await sleeping(waking)
    fcm.refusals = [status]
    await ask_to_wake(waking, owner)
    await run_due_once(waking)
    assert (fcm.sign_ons(), fcm.messages()) == (1, [])
    clock.advance(waking_up.FIRST_RETRY)
    await run_due_once(waking)
    assert len(fcm.messages()) == 1


async def test_a_sign_on_that_fails_is_not_repeated_at_once_for_every_sleeping_phone(
    waking: Deps, fcm: FakeFcm
) -> None:
    fcm.refusals = [400] * 9
    for _ in range(9):
        await ask_to_wake(waking, await sleeping(waking))
    await run_due_once(waking)
    assert fcm.sign_ons() == 1


@pytest.mark.parametrize(("answer", "times"), ABOUT)
async def test_only_what_is_said_about_the_message_is_final(
    waking: Deps, fcm: FakeFcm, clock: FakeClock, answer: tuple[int, str], times: int
) -> None:
    owner, (status, code) = await sleeping(waking), answer
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    fcm.answers = [(status, {"error": {"code": status, "message": "no", "details": details}}, {})]
    await ask_to_wake(waking, owner)
    await run_due_once(waking)
    clock.advance(waking_up.FIRST_RETRY)
    await run_due_once(waking)
    assert len(fcm.messages()) == times
