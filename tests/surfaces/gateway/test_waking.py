"""A phone that sleeps is woken through Firebase Cloud Messaging."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.databases import Databases
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until
from tests.surfaces.gateway.fake_fcm import FakeFcm
from tests.surfaces.gateway.helpers import (
    Owner,
    new_record,
    online,
    outcome_of,
    push,
    push_patiently,
    push_to_sleeper,
    served,
    store_records,
)
from tests.surfaces.gateway.waking import APP_TOKEN, ask_to_wake, sleeping

from callmark.domain.background.service import look_at_row_works
from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service as handsets, waking as waking_up
from callmark.domain.handsets.model import OS
from callmark.domain.handsets.waking_queries import MOST_KEPT, PAUSE
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, RecordKey
from callmark.domain.personalisation.validation import V2
from callmark.domain.work_names import WorkName
from callmark.kit.errors import SetupError
from callmark.kit.fabric.fanout import Answer
from callmark.kit.ids import random_uuid
from callmark.kit.outbound.fcm import read_service_account
from callmark.kit.worker import Worker
from callmark.processes.worker import run_worker

GONE: dict[str, Any] = {
    "error": {
        "code": 404,
        "status": "NOT_FOUND",
        "message": "Requested entity was not found.",
        "details": [
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"},
        ],
    }
}


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Here a worker has made its days."""
    return databases_with_days


@pytest.fixture
async def cast(deps: Deps) -> Cast:
    return await make_cast(deps)


@asynccontextmanager
async def working(deps: Deps) -> AsyncGenerator[None]:
    task = asyncio.create_task(run_worker(deps))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def has_sent(fcm: FakeFcm, count: int) -> None:
    async def sent() -> bool:
        return len(fcm.messages()) >= count

    await until(sent)


async def wake_and_sync(fcm: FakeFcm, address: str, owner: Owner) -> None:
    """What the app does: it hears the wake-up, connects, fetches and acknowledges."""
    await has_sent(fcm, 1)
    async with online(address, owner.token) as handset:
        frames, _ = await handset.sync()
        await handset.send("resolve", "r1", caller_number="918047770001")
        while True:  # what is pushed while it fetches comes between
            for frame in frames:
                if frame["type"] == "resolved":
                    return
                await handset.send("ack", record=frame["record"])
            frames = [await handset.next()]


async def test_a_sleeping_phone_is_woken_for_a_push_and_acknowledges_in_time(
    waking: Deps, fcm: FakeFcm, cast: Cast
) -> None:
    owner = await sleeping(waking)
    async with served(waking) as address, working(waking):
        pushing = asyncio.create_task(push_patiently(waking, cast, owner.number))
        await wake_and_sync(fcm, address, owner)
        assert (await pushing).outcome is Outcome.SUCCESS
    [message] = fcm.messages()
    assert message["token"] == APP_TOKEN
    assert message["data"] == {"type": "callmark.wake", "phone_number": owner.number}
    assert message["android"]["priority"] == "HIGH"
    assert 3500 < int(message["android"]["ttl"].removesuffix("s")) <= 3600
    assert "parcel" not in json.dumps(message)


async def test_an_app_that_is_frozen_behind_its_open_stream_is_woken(waking: Deps, fcm: FakeFcm, cast: Cast) -> None:
    """The system answers for it: the connection stays, and what comes is not read."""
    owner = await sleeping(waking)
    async with served(waking) as address, working(waking), online(address, owner.token) as frozen:
        pushing = asyncio.create_task(push(waking, cast, owner.number))
        await wake_and_sync(fcm, address, owner)
        assert await outcome_of(waking, cast, (await pushing).key.id) is Outcome.SUCCESS
        assert (await frozen.closed())[0] == 4409
    assert len(fcm.messages()) == 1


async def test_a_batch_wakes_a_phone_that_is_silent(waking: Deps, fcm: FakeFcm, cast: Cast) -> None:
    owner = await sleeping(waking)
    [record] = await store_records(waking, cast, new_record(waking, cast, owner.number))
    async with served(waking) as address, online(address, owner.token) as frozen, working(waking):
        await wake_and_sync(fcm, address, owner)
        assert (await frozen.closed())[0] == 4409

        async def settled() -> bool:
            return await outcome_of(waking, cast, record.key.id) is Outcome.SUCCESS

        await until(settled)
    assert len(fcm.messages()) == 1


async def test_a_batch_wakes_each_phone_once(waking: Deps, fcm: FakeFcm, cast: Cast) -> None:
    owner = await sleeping(waking)
    records = [new_record(waking, cast, owner.number, caller=f"91804777000{i}") for i in range(3)]
    stored = await store_records(waking, cast, *records)
    async with served(waking) as address, working(waking):
        await wake_and_sync(fcm, address, owner)

        async def settled() -> bool:
            found = [await outcome_of(waking, cast, record.key.id) for record in stored]
            return set(found) == {Outcome.SUCCESS}

        await until(settled)
    assert len(fcm.messages()) == 1


async def test_one_that_wakes_too_late_has_a_late_delivery(waking: Deps, fcm: FakeFcm, cast: Cast) -> None:
    owner = await sleeping(waking)
    async with served(waking) as address, working(waking):
        record = await push_to_sleeper(waking, cast, owner.number)
        assert record.outcome is Outcome.FAILED_TO_PUSH
        await wake_and_sync(fcm, address, owner)

        async def late() -> bool:
            found = await personalisation.get_record(waking, cast.account.id, record.key.id)
            return found.outcome is Outcome.SUCCESS and found.delivered_late_at is not None

        await until(late)


async def test_what_is_acknowledged_elsewhere_in_time_is_answered_as_a_success(
    waking: Deps, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By plain HTTP, or while the process that pushes hears nothing of the others."""
    owner = await sleeping(waking)
    quick = replace(waking, settings=msgspec.structs.replace(waking.settings, real_time_deadline_s=0.5))
    push_one, is_acknowledged = quick.fabric.push_one, asyncio.Event()

    async def in_vain(*how: Any) -> Answer:
        answer = await push_one(*how)
        await is_acknowledged.wait()  # in time, however busy this machine is
        return answer

    monkeypatch.setattr(quick.fabric, "push_one", in_vain)
    new = new_record(quick, cast, owner.number)
    pushing = asyncio.create_task(personalisation.push_now(quick, cast.account.id, V2, new))

    kept: list[RecordKey] = []

    async def stored() -> bool:
        async with waking.db.connection() as tx:
            rows = await tx.fetch("SELECT id, ends_at FROM call_record WHERE receiver_number = $1", owner.number)
        kept.extend(RecordKey(owner.number, row["ends_at"], row["id"]) for row in rows)
        return bool(kept)

    await until(stored)
    await personalisation.acknowledge(waking, kept)
    is_acknowledged.set()
    assert (await pushing).outcome is Outcome.SUCCESS


async def test_without_a_token_or_credentials_nothing_is_sent_and_the_push_fails_at_once(
    deps: Deps, waking: Deps, fcm: FakeFcm, cast: Cast
) -> None:
    for platform, token in ((waking, None), (deps, APP_TOKEN)):
        owner = await sleeping(platform, token)
        assert (await push(platform, cast, owner.number)).outcome is Outcome.FAILED_TO_PUSH
    await run_due_once(waking)
    assert fcm.messages() == []


async def test_a_batch_delays_neither_another_account_nor_a_real_time_push(waking: Deps, clock: FakeClock) -> None:
    one, other = random_uuid(), random_uuid()
    wanted = [waking_up.batches_of(one)] * 4 + [waking_up.real_time_of(one), waking_up.batches_of(other)]
    owners = [await sleeping(waking) for _ in wanted]
    for owner, wanted_by in zip(owners, wanted, strict=True):
        await ask_to_wake(waking, owner, wanted_by)
        clock.advance(timedelta(seconds=1))
    await ask_to_wake(waking, owners[3], waking_up.real_time_of(other))
    worker = Worker(waking.db, waking.gather, waking.fabric, clock, waking.real_clock)
    claimed = await worker.claim(waking_up.wake_ups(waking, None), 4)
    assert {row.row["phone_number"] for row in claimed} == {owners[i].number for i in (0, 3, 4, 5)}


async def test_the_end_of_an_app_ends_its_registration(waking: Deps, fcm: FakeFcm, cast: Cast) -> None:
    owner = await sleeping(waking)
    fcm.answers = [(404, GONE, {})]
    await ask_to_wake(waking, owner)
    await run_due_once(waking)
    assert (await push(waking, cast, owner.number)).outcome is Outcome.NOT_REGISTERED
    again = await handsets.register(waking, owner.credential, owner.number, OS.ANDROID, "5.0.0")
    assert again.registration.generation == 2


async def test_an_app_with_an_open_stream_is_not_uninstalled_whatever_the_service_says(
    waking: Deps, fcm: FakeFcm
) -> None:
    owner = await sleeping(waking)
    fcm.answers = [(404, GONE, {})]
    async with served(waking) as address, online(address, owner.token) as handset:
        await ask_to_wake(waking, owner)
        await run_due_once(waking)
        await handset.settled()
        assert await handsets.authenticate(waking, owner.token) == owner.registration
        ends = {owner.number: waking.clock.now() + timedelta(hours=1)}
        assert await waking_up.wake(waking, "", ends, [owner.number]) == set()


async def test_a_phone_whose_stream_was_lost_just_now_is_woken_too(waking: Deps, fcm: FakeFcm) -> None:
    owner, gateway_id = await sleeping(waking), random_uuid()
    await presence.beat(waking, gateway_id)
    await presence.note_opened(waking, gateway_id, owner.number, "stream")
    await presence.note_ended(waking, owner.number, "stream", said_goodbye=False)
    assert await presence.returning(waking, [owner.number]) == {owner.number}
    await ask_to_wake(waking, owner)
    await run_due_once(waking)
    assert len(fcm.messages()) == 1


async def test_the_newest_wake_ups_are_kept_for_timelines(waking: Deps, fcm: FakeFcm, clock: FakeClock) -> None:
    owner, began = await sleeping(waking), clock.now()
    for _ in range(MOST_KEPT + 2):
        await ask_to_wake(waking, owner)
        await run_due_once(waking)
        clock.advance(PAUSE * 2)
    assert len(fcm.messages()) == MOST_KEPT + 2
    kept = await waking_up.sent_between(waking, owner.number, began, clock.now())
    assert kept == [began + PAUSE * 2 * i for i in range(2, MOST_KEPT + 2)]
    assert await waking_up.sent_between(waking, owner.number, began, kept[1]) == kept[:2]
    assert await waking_up.sent_between(waking, phone(), began, clock.now()) == []


def kept_for(fcm: FakeFcm) -> list[int]:
    """For how many seconds the push service keeps each message, should the phone be out of reach."""
    return [int(message["android"]["ttl"].removesuffix("s")) for message in fcm.messages()]


async def test_a_record_that_ends_later_is_waked_for_until_it_ends(
    waking: Deps, fcm: FakeFcm, clock: FakeClock
) -> None:
    """A message for a record of a minute is not kept for a phone that is out of reach for two."""
    owner = await sleeping(waking)
    await ask_to_wake(waking, owner, lasts=timedelta(minutes=1))
    await run_due_once(waking)
    clock.advance(PAUSE / 2)
    for lasts in (timedelta(seconds=59), timedelta(days=1), timedelta(days=2)):
        await ask_to_wake(waking, owner, lasts=lasts)
        await run_due_once(waking)
        assert kept_for(fcm) == [60]
    clock.advance(PAUSE / 2)
    await run_due_once(waking)
    assert kept_for(fcm) == [60, 172_799]


async def test_a_record_that_comes_while_the_message_is_on_its_way_is_waked_for_until_it_ends(
    waking: Deps, fcm: FakeFcm, clock: FakeClock
) -> None:
    taken, busy = await sleeping(waking), await sleeping(waking)
    await ask_to_wake(waking, taken, lasts=timedelta(minutes=1))
    fcm.meanwhile = [ask_to_wake(waking, taken, lasts=timedelta(days=1))]
    await run_due_once(waking)
    clock.advance(PAUSE)
    await run_due_once(waking)
    assert kept_for(fcm) == [60, 86_398]
    await ask_to_wake(waking, busy, lasts=timedelta(seconds=1))
    fcm.meanwhile, fcm.answers = [ask_to_wake(waking, busy, lasts=timedelta(days=1))], [(503, {}, {})]
    await run_due_once(waking)
    clock.advance(waking_up.FIRST_RETRY)
    await run_due_once(waking)
    assert kept_for(fcm)[2:] == [1, 86_399]


async def test_nothing_is_sent_once_the_window_has_ended(waking: Deps, fcm: FakeFcm, clock: FakeClock) -> None:
    owner = await sleeping(waking)
    await ask_to_wake(waking, owner)
    clock.advance(timedelta(hours=2))
    await run_due_once(waking)
    assert fcm.messages() == []


async def test_wake_ups_that_are_left_when_credentials_are_taken_away_end_with_their_window(
    deps: Deps, waking: Deps, fcm: FakeFcm, clock: FakeClock
) -> None:
    async def waiting() -> int:
        async with deps.db.connection() as tx:
            return next(one.waiting for one in await look_at_row_works(deps, tx) if one.name == WorkName.WAKE_UPS)

    await ask_to_wake(waking, await sleeping(waking))
    await run_due_once(deps)
    assert await waiting() == 1  # another worker may still have them
    clock.advance(timedelta(hours=2))
    await run_due_once(deps)
    assert await waiting() == 0
    assert fcm.messages() == []


async def test_an_access_token_that_was_taken_back_is_replaced(waking: Deps, fcm: FakeFcm) -> None:
    owner, other = await sleeping(waking), await sleeping(waking, "fcm:other")
    async with working(waking):
        await ask_to_wake(waking, owner)
        await has_sent(fcm, 1)
        fcm.tokens += 1  # what the platform has does not count any more
        await ask_to_wake(waking, other)
        await has_sent(fcm, 3)
    assert [message["token"] for message in fcm.messages()] == [APP_TOKEN, "fcm:other", "fcm:other"]


@pytest.mark.parametrize("content", ["", "{}", '{"project_id": "a", "client_email": "b", "private_key": "c"}', "[]"])
def test_a_file_that_is_no_service_account_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(SetupError, match="CALLMARK_FCM_CREDENTIALS_FILE"):
        read_service_account(path)
    with pytest.raises(SetupError, match="cannot read"):
        read_service_account(tmp_path / "absent.json")
