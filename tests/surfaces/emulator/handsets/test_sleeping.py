"""Virtual handsets that sleep: the real worker wakes them through the emulator's own push service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until
from tests.surfaces.emulator.running import Emulated, emulated
from tests.surfaces.emulator.watching import watching
from tests.surfaces.gateway.helpers import (
    CALLER,
    NOTHING_KNOWN,
    new_record,
    outcome_of,
    push,
    push_patiently,
    push_to_sleeper,
    store_records,
)

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.policy.model import SYSTEM
from callmark.processes.worker import prepare, run_worker
from callmark.surfaces.emulator.states.reset import tell_of_clock

SLEEPS = {"sleeps": True, "awake_for_s": 1.5}
"""It stays for longer than the second that a push may wait before it is sent again."""


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """A running emulator with its farm and a worker, which wakes apps."""
    await prepare(deps)
    async with emulated(deps, tmp_path, wakes=True) as running:
        task = asyncio.create_task(run_worker(running.deps))
        yield running
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def cast(emulator: Emulated) -> Cast:
    return await make_cast(emulator.deps)


async def listed(emulator: Emulated, number: str) -> dict[str, Any]:
    found = (await emulator.http.get("/emulator/v1/handsets")).json()
    return next(one for one in found if one["phone_number"] == number)


async def asleep(emulator: Emulated, number: str) -> None:
    """Returns once it sleeps (again)."""

    async def sleeps() -> bool:
        return bool((await listed(emulator, number))["asleep"])

    await until(sleeps)


async def is_delivered_late(emulator: Emulated, cast: Cast, record: StoredRecord) -> bool:
    found = await personalisation.get_record(emulator.deps, cast.account.id, record.key.id)
    return found.outcome is Outcome.SUCCESS and found.delivered_late_at is not None


async def fetched(emulator: Emulated, cast: Cast, record: StoredRecord) -> None:
    """Returns once it has acknowledged what woke it; a push finds one that is awake for a moment only by chance."""

    async def is_success() -> bool:
        return await outcome_of(emulator.deps, cast, record.key.id) is Outcome.SUCCESS

    await until(is_success)


async def test_a_push_wakes_it_and_then_it_sleeps_again(emulator: Emulated, cast: Cast) -> None:
    number = phone()
    made = await emulator.make(number, script=SLEEPS)
    assert (made["online"], made["connected"], made["asleep"]) == (True, False, True)
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS
    await asleep(emulator, number)
    shown = await emulator.call(number, CALLER)
    assert (shown["name"], shown["source"]) == ("Acme Deliveries", "call_record")
    assert (await listed(emulator, number))["held"] == 1


async def test_a_batch_wakes_it_too_and_its_page_says_how_it_is(emulator: Emulated, cast: Cast) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS | {"awake_for_s": 3600})
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.handset.get("status") == "sleeping")
        stored = await store_records(emulator.deps, cast, new_record(emulator.deps, cast, number))
        await tell_of_clock(emulator.deps)  # what a push in bulk tells the workers
        await page.until(lambda page: page.handset["status"] == "online")

        async def pushed() -> bool:
            return await outcome_of(emulator.deps, cast, stored[0].key.id) is Outcome.SUCCESS

        await until(pushed)


async def test_one_that_wakes_late_by_the_product_clock_gets_it_late(
    emulator: Emulated, cast: Cast, clock: FakeClock
) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS | {"wakes_after_s": 900})
    record = await push_to_sleeper(emulator.deps, cast, number)
    assert record.outcome is Outcome.FAILED_TO_PUSH
    await until(lambda: _idle(emulator))
    assert (await listed(emulator, number))["asleep"] is True
    clock.advance(timedelta(seconds=901))
    await tell_of_clock(emulator.deps)
    await until(lambda: is_delivered_late(emulator, cast, record))


async def _idle(emulator: Emulated) -> bool:
    return bool((await emulator.http.get("/emulator/v1/work")).json()["idle"])


async def test_without_its_wake_ups_the_app_still_asks_who_calls_and_reports_the_call(
    emulator: Emulated, cast: Cast
) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS | {"loses_wake_ups": True})
    record = await push(emulator.deps, cast, number)
    assert record.outcome is Outcome.FAILED_TO_PUSH
    shown = await emulator.call(number, CALLER, "missed")
    assert (shown["name"], shown["source"]) == ("Acme Deliveries", "call_record")
    (call,) = await calls.calls_of_record(emulator.deps, record.key)
    assert (call.shown_at is not None, call.outcome) == (True, CallEvent.MISSED)
    there = await listed(emulator, number)
    assert (there["asleep"], there["held"]) == (True, 0)
    assert (await emulator.change(number, script={}))["connected"] is True
    await until(lambda: is_delivered_late(emulator, cast, record))


async def test_a_call_finds_that_its_token_has_ended_and_it_registers_again(emulator: Emulated, cast: Cast) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS | {"awake_for_s": 0.001})
    await handsets.forget_number(emulator.deps, number, by=SYSTEM)
    assert (await emulator.call(number, CALLER))["why"] == NOTHING_KNOWN
    await asleep(emulator, number)
    await fetched(emulator, cast, await push_to_sleeper(emulator.deps, cast, number))


async def test_it_keeps_its_reports_when_its_token_has_ended_and_sends_them_once_registered(
    emulator: Emulated, cast: Cast
) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS | {"awake_for_s": 0.001})
    record = await push_to_sleeper(emulator.deps, cast, number)
    await fetched(emulator, cast, record)
    await asleep(emulator, number)
    await handsets.forget_number(emulator.deps, number, by=SYSTEM)
    assert (await emulator.call(number, CALLER, "missed"))["source"] == "call_record"

    async def is_reported() -> bool:
        reported = await calls.calls_of_record(emulator.deps, record.key)
        return [one.outcome for one in reported if one.shown_at] == [CallEvent.MISSED]

    await until(is_reported)


async def test_the_platform_learns_from_the_push_service_that_the_app_is_gone(emulator: Emulated, cast: Cast) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS)
    assert (await emulator.http.delete(f"/emulator/v1/handsets/{number}")).status_code == 204
    assert (await push(emulator.deps, cast, number)).outcome is Outcome.FAILED_TO_PUSH

    async def gone() -> bool:
        return (await push(emulator.deps, cast, number)).outcome is Outcome.NOT_REGISTERED

    await until(gone)
    await emulator.make(number, script=SLEEPS)
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS


async def test_a_restored_snapshot_sleeps_and_is_woken_and_a_reset_leaves_nothing(
    emulator: Emulated, cast: Cast
) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS)
    snapshot = "/emulator/v1/snapshots/asleep"
    assert (await emulator.http.put(snapshot, json={})).status_code == 200
    await emulator.change(number, script={})
    assert (await emulator.http.post(f"{snapshot}/restore", json={})).status_code == 200
    there = await listed(emulator, number)
    assert (there["asleep"], there["connected"]) == (True, False)
    assert (await push_patiently(emulator.deps, cast, number)).outcome is Outcome.SUCCESS
    assert (await emulator.http.post("/emulator/v1/reset", json={})).status_code == 200
    assert (await push(emulator.deps, cast, number)).outcome is Outcome.NOT_REGISTERED


async def test_an_offline_one_is_not_woken_and_gets_what_it_missed_when_it_is_back(
    emulator: Emulated, cast: Cast
) -> None:
    number = phone()
    await emulator.make(number, script=SLEEPS, online=False)
    record = await push(emulator.deps, cast, number)
    assert record.outcome is Outcome.FAILED_TO_PUSH
    back = await emulator.change(number, online=True)
    assert (back["asleep"], back["held"]) == (True, 1)
    await until(lambda: is_delivered_late(emulator, cast, record))
