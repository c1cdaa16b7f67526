"""What a handset gets when it comes back."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.surfaces.gateway.helpers import (
    make_handset,
    new_record,
    online,
    outcome_of,
    push,
    push_patiently,
    ref,
    served,
    store_records,
)

from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid


@pytest.fixture
async def address(deps: Deps) -> AsyncGenerator[str]:
    async with served(deps) as at:
        yield at


async def test_sync_brings_what_is_open_or_to_come_and_nothing_else(deps: Deps, address: str, clock: FakeClock) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    now = to_ms(deps.clock.now())
    stored = await store_records(
        deps,
        cast,
        new_record(deps, cast, owner.number, ends_at=now + 60_000),
        new_record(deps, cast, owner.number),
        new_record(deps, cast, owner.number, starts_at=now + 7_200_000, ends_at=now + 9_000_000),
        new_record(deps, cast, owner.number, caller="nobody"),
        new_record(deps, cast, owner.number),
        new_record(deps, cast, phone()),
    )
    await personalisation.withdraw_record(deps, cast.account.id, stored[4].key.id, by=SYSTEM)
    clock.advance(timedelta(minutes=2))
    async with online(address, owner.token) as handset:
        frames, cursor = await handset.sync()
    assert [(frame["type"], frame["id"]) for frame in frames] == [
        ("identity", str(stored[1].key.id)),
        ("identity", str(stored[2].key.id)),
    ]
    assert cursor is None


async def test_a_record_delivered_by_sync_is_a_late_success(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    missed = await push(deps, cast, owner.number)
    assert missed.outcome is Outcome.FAILED_TO_PUSH
    async with online(address, owner.token) as handset:
        (frame,), _ = await handset.sync()
        await handset.send("ack", record=frame["record"])
        await handset.settled()
    late = await personalisation.get_record(deps, cast.account.id, missed.key.id)
    assert (late.outcome, late.first_outcome) == (Outcome.SUCCESS, Outcome.FAILED_TO_PUSH)


async def test_a_held_record_counts_as_acknowledged_and_is_not_sent_again(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    held, missing = await store_records(
        deps, cast, new_record(deps, cast, owner.number), new_record(deps, cast, owner.number)
    )
    async with online(address, owner.token) as handset:
        (frame,), _ = await handset.sync([str(held.key.id), str(random_uuid())])
    assert frame["id"] == str(missing.key.id)
    assert await outcome_of(deps, cast, held.key.id) is Outcome.SUCCESS
    assert await outcome_of(deps, cast, missing.key.id) is Outcome.PENDING


async def test_a_held_record_that_was_withdrawn_meanwhile_is_taken_back_before_others_come(
    deps: Deps, address: str
) -> None:
    """A handset drops what comes while it holds a newer record of the caller."""
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    older, record = await store_records(
        deps, cast, new_record(deps, cast, owner.number), new_record(deps, cast, owner.number)
    )
    await personalisation.withdraw_record(deps, cast.account.id, record.key.id, by=SYSTEM)
    async with online(address, owner.token) as handset:
        (withdrawal, identity), _ = await handset.sync([str(record.key.id)])
    assert (withdrawal["type"], withdrawal["record"]) == ("withdraw", ref(record))
    assert (identity["type"], identity["id"]) == ("identity", str(older.key.id))


async def test_many_records_come_in_pages_of_200(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    stored = await store_records(deps, cast, *(new_record(deps, cast, owner.number) for _ in range(401)))
    got: list[str] = []
    sizes: list[int] = []
    cursor: str | None = None
    async with online(address, owner.token) as handset:
        while not sizes or cursor:
            frames, cursor = await handset.sync([str(stored[0].key.id)], cursor)
            sizes.append(len(frames))
            got += [frame["id"] for frame in frames]
    assert sizes == [199, 200, 1]
    assert sorted(got) == sorted(str(record.key.id) for record in stored[1:])


async def test_more_than_200_held_ids_are_refused(deps: Deps, address: str) -> None:
    owner = await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        error = await handset.ask("sync", "error", held=[str(random_uuid()) for _ in range(201)], cursor=None)
    assert error["message"] == "held is invalid"


@pytest.mark.parametrize(("os", "version"), [(OS.IOS, "5.0.0"), (OS.ANDROID, "0.9.9")])
async def test_a_handset_that_cannot_show_call_records_gets_none(
    deps: Deps, address: str, os: OS, version: str
) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone(), os=os, version=version)
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
    async with online(address, owner.token) as handset:
        assert await handset.sync([str(record.key.id)]) == ([], None)
    assert await outcome_of(deps, cast, record.key.id) is Outcome.PENDING


async def test_a_record_pushed_between_welcome_and_sync_is_not_lost(deps: Deps, address: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with online(address, owner.token) as handset:
        pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
        pushed = await handset.receive("identity")
        (again,), _ = await handset.sync()
        assert again == pushed
        await handset.send("ack", record=pushed["record"])
        assert (await pushing).outcome is Outcome.SUCCESS
