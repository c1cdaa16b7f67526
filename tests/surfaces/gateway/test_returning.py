"""Pushes wait for a handset that lost its stream a moment ago, and for no other."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until
from tests.support.way_to_postgres import way_to_postgres
from tests.surfaces.gateway.helpers import (
    Handset,
    Owner,
    is_returning,
    make_handset,
    new_record,
    online,
    outcome_of,
    push_patiently,
    served,
    store_records,
    until_offline,
)

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence
from callmark.domain.personalisation.model import Outcome
from callmark.instants import to_ms
from callmark.kit.fabric.fanout import Answer, Push
from callmark.kit.ids import new_id
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import StatementBatcher


@pytest.fixture
async def cast(deps: Deps) -> Cast:
    return await make_cast(deps)


async def acknowledge(handset: Handset) -> None:
    """Acknowledges the next record pushed."""
    frame = await handset.receive("identity")
    await handset.send("ack", record=frame["record"])


async def restart(deps: Deps, owner: Owner) -> None:
    """Connects the handset to a gateway, which then restarts."""
    async with AsyncExitStack() as streams:
        async with served(deps) as address:
            handset = await streams.enter_async_context(online(address, owner.token))
        assert (await handset.closed())[0] == 1012


async def test_a_real_time_push_waits_for_a_handset_whose_gateway_restarts(deps: Deps, cast: Cast) -> None:
    owner = await make_handset(deps, phone())
    await restart(deps, owner)
    pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
    async with served(deps) as address, online(address, owner.token) as handset:
        await acknowledge(handset)
        assert (await pushing).outcome is Outcome.SUCCESS


async def test_a_batch_waits_for_a_handset_whose_gateway_restarts(deps: Deps, cast: Cast) -> None:
    owner = await make_handset(deps, phone())
    await restart(deps, owner)
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
    pushing = asyncio.create_task(run_due_once(deps))
    async with served(deps) as address, online(address, owner.token) as handset:
        await acknowledge(handset)
        await pushing
    assert await outcome_of(deps, cast, record.key.id) is Outcome.SUCCESS


async def test_a_handset_that_said_goodbye_is_offline_at_once(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as address:
        async with online(address, owner.token):
            assert await is_returning(deps, owner)  # should NATS not know its stream, it soon will
        await until_offline(deps, owner)


@pytest.mark.parametrize("code", [1001, 1012])
async def test_what_a_proxy_closes_as_it_reloads_is_a_lost_stream(deps: Deps, code: int) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as address:
        async with online(address, owner.token) as handset:
            await handset.leave(code)
        await until(partial(is_noted_as_lost, deps, owner))
        assert await is_returning(deps, owner)
        real = FakeClock(deps.real_clock.now() + presence.RETURNS_WITHIN + timedelta(seconds=1))
        assert not await is_returning(replace(deps, real_clock=real), owner)


async def is_noted_as_lost(deps: Deps, owner: Owner) -> bool:
    async with deps.db.connection() as tx:
        return await tx.fetchval("SELECT lost_at IS NOT NULL FROM presence WHERE phone_number = $1", owner.number)


async def test_handsets_of_a_gateway_that_ends_before_its_first_beat_are_expected_back(deps: Deps) -> None:
    owner, gateway = await make_handset(deps, phone()), new_id()
    await presence.note_opened(deps, gateway, owner.number, new_id().hex)
    await presence.note_gone(deps, gateway)
    assert await is_returning(deps, owner)


async def test_a_number_that_moves_to_another_device_is_expected_back(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as address, online(address, owner.token) as older:
        await make_handset(deps, owner.number, credential=owner.credential)
        assert (await older.closed())[0] == 4410
        await until(partial(is_noted_as_lost, deps, owner))
        assert await is_returning(deps, owner)


@pytest.mark.parametrize("together", [True, False])
async def test_a_stream_that_was_replaced_before_it_was_noted_is_not_the_newest(deps: Deps, together: bool) -> None:
    owner, gateway_id = await make_handset(deps, phone()), new_id()
    older, newer = new_id().hex, new_id().hex
    noted = [presence.note_opened(deps, gateway_id, owner.number, stream) for stream in (newer, older)]
    await (asyncio.gather(*noted) if together else one_by_one(noted))
    await presence.note_ended(deps, owner.number, older, said_goodbye=True)
    await presence.note_ended(deps, owner.number, newer, said_goodbye=False)
    assert await is_returning(deps, owner)


async def one_by_one(noted: Sequence[Awaitable[None]]) -> None:
    for one in noted:
        await one


async def test_a_stream_that_a_clock_named_which_was_ahead_makes_way(deps: Deps) -> None:
    owner, gateway_id, newer = await make_handset(deps, phone()), new_id(), new_id().hex
    ahead = UUID(int=to_ms(deps.real_clock.now() + timedelta(days=1)) << 80).hex
    await presence.note_opened(deps, gateway_id, owner.number, ahead)
    await presence.note_opened(deps, gateway_id, owner.number, newer)
    await presence.note_ended(deps, owner.number, newer, said_goodbye=False)
    assert await is_returning(deps, owner)


async def test_a_handset_that_left_while_a_clock_was_ahead_is_offline_once_it_is_right(deps: Deps) -> None:
    owner, gateway_id, stream = await make_handset(deps, phone()), new_id(), new_id().hex
    await presence.note_opened(deps, gateway_id, owner.number, stream)
    ahead = replace(deps, real_clock=FakeClock(deps.real_clock.now() + timedelta(hours=5)))
    await presence.note_ended(ahead, owner.number, stream, said_goodbye=False)
    assert await is_returning(ahead, owner)
    assert not await is_returning(deps, owner)


async def test_a_handset_that_never_connected_is_offline(deps: Deps) -> None:
    assert not await is_returning(deps, await make_handset(deps, phone()))


async def test_a_handset_that_does_not_come_back_is_offline_after_a_while(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    await restart(deps, owner)
    assert await is_returning(deps, owner)
    real = FakeClock(deps.real_clock.now() + presence.RETURNS_WITHIN + timedelta(seconds=1))
    assert not await is_returning(replace(deps, real_clock=real), owner)


async def test_handsets_of_a_killed_gateway_are_expected_from_when_it_is_found_dead(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as address, online(address, owner.token):
        hours_later = replace(deps, real_clock=FakeClock(deps.real_clock.now() + timedelta(hours=2)))
        assert not await is_returning(hours_later, owner)  # as if nothing had run meanwhile
        await presence.find_lost(hours_later)
        assert await is_returning(hours_later, owner)


async def test_while_nobody_can_say_every_handset_is_waited_for(deps: Deps) -> None:
    away = KeptConnections("postgresql://nobody@127.0.0.1:1/away", size=1, name="away")
    owner = await make_handset(deps, phone())
    assert await is_returning(replace(deps, gather=StatementBatcher(away)), owner)


async def test_the_end_of_a_stream_is_noted_when_postgresql_is_back(deps: Deps) -> None:
    owner, gateway_id, clock = await make_handset(deps, phone()), new_id(), FakeClock(deps.real_clock.now())
    await presence.beat(deps, gateway_id)
    await presence.note_opened(deps, gateway_id, owner.number, "one")
    with way_to_postgres(deps) as way:
        away = KeptConnections(way.dsn, size=1, name="away")
        cut_off = replace(deps, gather=StatementBatcher(away), real_clock=clock)
        ending = asyncio.create_task(presence.note_ended(cut_off, owner.number, "one", said_goodbye=True))
        await asyncio.sleep(0)
        assert await is_returning(cut_off, owner)  # it has asked behind the first try
        assert await is_returning(deps, owner)
        way.open()

        async def is_noted() -> bool:
            clock.advance(presence.NOTED_AGAIN_AFTER)
            return not await is_returning(deps, owner)

        await until(is_noted)
        await ending
        await away.close()


async def test_only_those_expected_back_are_waited_for(deps: Deps) -> None:
    near, far = phone(), phone()
    answers: list[tuple[int, Answer]] = []
    come = asyncio.Event()

    async def returning(_: Collection[str]) -> set[str]:
        return {near}

    async def send() -> None:
        pushes = [Push(near, "near", b"{}"), Push(far, "far", b"{}")]
        async for group in deps.fabric.push(pushes, timedelta(seconds=30), returning):
            answers.extend(group)
            come.set()

    sending = asyncio.create_task(send())
    await asyncio.wait_for(come.wait(), 30)
    assert answers == [(1, Answer.NOT_CONNECTED)]

    def on_push(_key: str, reply: str, _payload: bytes) -> None:
        deps.fabric.acknowledge(reply)

    attached = await deps.fabric.attach(near, on_push)
    await sending
    assert answers[1:] == [(0, Answer.ACKNOWLEDGED)]
    await deps.fabric.detach(attached)


async def test_who_is_not_back_in_time_was_not_reached(deps: Deps) -> None:
    async def returning(numbers: Collection[str]) -> Collection[str]:
        return numbers

    away = Push(phone(), "away", b"{}")
    groups = [group async for group in deps.fabric.push([away], timedelta(milliseconds=250), returning)]
    assert groups == [[(0, Answer.SILENT)]]
    assert await deps.fabric.push_one(away, timedelta(milliseconds=250), returning) is Answer.SILENT


async def test_a_push_alone_reaches_one_that_comes_back(deps: Deps) -> None:
    near, asked = phone(), asyncio.Event()

    async def returning(numbers: Collection[str]) -> Collection[str]:
        asked.set()
        return numbers

    def on_push(_key: str, reply: str, _payload: bytes) -> None:
        deps.fabric.acknowledge(reply)

    pushing = asyncio.create_task(deps.fabric.push_one(Push(near, "near", b"{}"), timedelta(seconds=30), returning))
    await asyncio.wait_for(asked.wait(), 30)
    attached = await deps.fabric.attach(near, on_push)
    assert await pushing is Answer.ACKNOWLEDGED
    await deps.fabric.detach(attached)


async def test_a_push_alone_to_one_that_is_not_expected_ends_at_once(deps: Deps) -> None:
    async def returning(_: Collection[str]) -> Collection[str]:
        return ()

    async with asyncio.timeout(30):
        answer = await deps.fabric.push_one(Push(phone(), "far", b"{}"), timedelta(minutes=10), returning)
    assert answer is Answer.NOT_CONNECTED
