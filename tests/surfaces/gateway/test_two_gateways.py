"""Gateways of several processes: one handset has one stream, and a lost fabric loses nothing."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from msgspec.structs import replace
from starlette.types import Message
from structlog.testing import capture_logs
from tests.support.engines import Engines
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import Growing, until
from tests.surfaces.gateway.helpers import (
    Owner,
    another_process,
    make_handset,
    new_record,
    online,
    open_stream,
    outcome_of,
    patient,
    push,
    push_patiently,
    served,
    store_records,
)
from tests.surfaces.gateway.relays import behind_a_relay, is_lost, relayed

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service as handsets
from callmark.domain.personalisation import admitted_push, service as personalisation
from callmark.domain.personalisation.admitted_push import AdmittedPush
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.kit.fabric.unconfirmed_numbers import EVERYONE, MISSED
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.gateway.connection import HandsetConnection
from callmark.surfaces.gateway.wire import Welcome


async def test_a_newer_stream_closes_the_older_on_another_gateway(deps: Deps, engines: Engines) -> None:
    owner = await make_handset(deps, phone())
    async with (
        another_process(deps, engines.nats_url) as second,
        served(deps) as here,
        served(second) as there,
        online(here, owner.token) as older,
        online(there, owner.token) as newer,
    ):
        assert (await older.closed())[0] == 4409
        await newer.settled()


async def test_a_number_registered_anew_closes_streams_on_every_gateway(deps: Deps, engines: Engines) -> None:
    owner = await make_handset(deps, phone())
    async with (
        another_process(deps, engines.nats_url) as second,
        served(second) as there,
        online(there, owner.token) as older,
    ):
        await make_handset(deps, owner.number, credential=owner.credential)
        assert (await older.closed())[0] == 4410


async def test_a_record_pushed_in_one_process_reaches_a_handset_of_another(deps: Deps, engines: Engines) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with (
        another_process(deps, engines.nats_url) as second,
        served(second) as there,
        online(there, owner.token) as handset,
    ):
        pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        assert (await pushing).outcome is Outcome.SUCCESS


async def admitted(deps: Deps, cast: Cast, receiver: str) -> AdmittedPush:
    """A push that is admitted and written, and is yet to be sent."""
    read = admitted_push.read_push(deps, V2, new_record(deps, cast, receiver))
    assert read
    return (await admitted_push.admit(deps, cast.token, str(cast.account.id), read))[1]


async def overheard(second: Deps, number: PhoneNumber) -> Growing[str]:
    """The keys of what is sent to a number by way of NATS."""
    heard = Growing[str]()
    await second.fabric.attach(number, lambda key, _reply, _payload: heard.append(key))
    return heard


async def test_the_newest_stream_is_reached_without_nats_by_its_own_process(deps: Deps, engines: Engines) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with (
        another_process(deps, engines.nats_url) as second,
        served(deps) as here,
        online(here, owner.token) as handset,
    ):
        heard = await overheard(second, owner.number)
        push_ = await admitted(deps, cast, owner.number)
        pushing = asyncio.create_task(admitted_push.carry_out(patient(deps), push_))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        assert (await pushing).outcome is Outcome.SUCCESS
        await deps.fabric.round_trip(60)
        await second.fabric.round_trip(60)
    assert heard == []


@pytest.mark.parametrize("opens", ["before it is written", "after it is written"])
async def test_a_stream_that_is_newer_than_the_one_here_is_told_too(deps: Deps, engines: Engines, opens: str) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with (
        another_process(deps, engines.nats_url) as second,
        served(deps) as here,
        online(here, owner.token) as handset,
    ):
        heard = await overheard(second, owner.number)
        if opens == "before it is written":
            await presence.note_opened(second, new_id(), owner.number, "newer")
        push_ = await admitted(deps, cast, owner.number)
        if opens == "after it is written":
            await presence.note_opened(second, new_id(), owner.number, "newer")
        pushing = asyncio.create_task(admitted_push.carry_out(patient(deps), push_))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        assert (await pushing).outcome is Outcome.SUCCESS
        await heard.until(bool)
    assert [key.partition(".")[0] for key in heard] == [UUID(frame["id"]).hex]


async def test_after_a_lost_fabric_every_handset_is_synced_again(deps: Deps, engines: Engines) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay), online(there, owner.token) as handset:
        held, gone = await store_records(deps, cast, *(new_record(deps, cast, owner.number) for _ in range(2)))
        assert await handset.sync([str(held.key.id), str(gone.key.id)]) == ([], None)
        await relay.cut()
        missed = await push(deps, cast, owner.number)
        assert missed.outcome is Outcome.FAILED_TO_PUSH
        await personalisation.withdraw_record(deps, cast.account.id, gone.key.id, by=SYSTEM)
        await relay.join()
        withdrawal = await handset.receive("withdraw")
        identities = [(await handset.receive("identity"))["id"] for _ in range(2)]
        await handset.settled()
    assert set(identities) == {str(held.key.id), str(missed.key.id)}
    assert withdrawal["record"]["id"] == str(gone.key.id)


async def test_after_a_lost_fabric_a_handset_drops_all_that_was_withdrawn_however_much_it_holds(
    deps: Deps, engines: Engines
) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay), online(there, owner.token) as handset:
        stored = await store_records(deps, cast, *(new_record(deps, cast, owner.number) for _ in range(260)))
        cursor: str | None = None
        while True:
            frames, cursor = await handset.sync([], cursor)
            for frame in frames:
                await handset.send("ack", record=frame["record"])
            if cursor is None:
                break
        await handset.settled()
        await relay.cut()
        await batches.withdraw_batch(deps, cast.account.id, stored[0].batch_id, by=SYSTEM)
        await relay.join()
        gone = [(await handset.receive("withdraw"))["record"]["id"] for _ in stored]
        await handset.settled()
    assert sorted(gone) == sorted(str(record.key.id) for record in stored)


async def test_a_fault_after_a_lost_fabric_leaves_no_handset_without_its_records(deps: Deps) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())

    async def is_logged() -> bool:
        return any(line["event"] == "handsets_not_checked" for line in lines)

    async with served(deps) as here, online(here, owner.token) as handset:
        (held,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
        async with deps.db.connection() as tx:
            await tx.execute("ALTER TABLE registration RENAME TO registration_away")
        try:
            with capture_logs() as lines:
                await deps.fabric.announce(MISSED, EVERYONE)
                await until(is_logged)
        finally:
            async with deps.db.connection() as tx:
                await tx.execute("ALTER TABLE registration_away RENAME TO registration")
        identity = await handset.receive("identity")
    assert identity["id"] == str(held.key.id)


@pytest.mark.parametrize("when", ["at once", "when it has heard of it"])
async def test_what_a_sender_could_not_tell_while_it_alone_had_lost_the_fabric_is_told_later(
    deps: Deps, engines: Engines, when: str
) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with (
        relayed(deps, engines) as (sender, relay),
        served(deps) as here,
        online(here, owner.token) as handset,
    ):
        (gone,) = await store_records(deps, cast, new_record(deps, cast, owner.number))
        assert await handset.sync([str(gone.key.id)]) == ([], None)
        await relay.cut()
        if when != "at once":
            await until(partial(is_lost, sender))
        missed = await push(sender, cast, owner.number)
        await personalisation.withdraw_record(sender, cast.account.id, gone.key.id, by=SYSTEM)
        await relay.join()
        withdrawal = await handset.receive("withdraw")
        identity = await handset.receive("identity")
    assert missed.outcome is Outcome.FAILED_TO_PUSH
    assert identity["id"] == str(missed.key.id)
    assert withdrawal["record"]["id"] == str(gone.key.id)


async def test_an_acknowledgement_while_the_fabric_is_lost_is_written_down(deps: Deps, engines: Engines) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with (
        behind_a_relay(deps, engines) as (there, relay),
        relayed(deps, engines) as (sender, way_of_sender),
        online(there, owner.token) as handset,
    ):
        pushing = asyncio.create_task(push_patiently(sender, cast, owner.number))
        frame = await handset.receive("identity")
        await relay.cut()
        await handset.send("ack", record=frame["record"])
        await handset.settled()
        assert await outcome_of(deps, cast, UUID(frame["id"])) is Outcome.SUCCESS
        await way_of_sender.cut()  # it waits in vain, and no longer than it has the fabric
        assert (await pushing).outcome is Outcome.SUCCESS


async def test_a_takeover_missed_while_the_fabric_was_lost_is_made_good(deps: Deps, engines: Engines) -> None:
    owner = await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay), online(there, owner.token) as handset:
        await relay.cut()
        await handsets.forget(deps, owner.token)
        await relay.join()
        assert (await handset.closed())[0] == 4401


async def test_without_the_fabric_a_handset_is_told_to_try_again(deps: Deps, engines: Engines) -> None:
    owner = await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay):
        await relay.cut()
        async with open_stream(there, owner.token) as handset:
            assert (await handset.closed())[0] == 1013
        await relay.join()


async def test_a_takeover_that_no_announcement_told_of_is_noticed_by_the_next_round(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    rounds = FakeClock()
    async with served(replace(deps, real_clock=rounds)) as address, online(address, owner.token) as handset:
        async with deps.db.transaction() as tx:
            await tx.execute("UPDATE registration SET generation = 7 WHERE phone_number = $1", owner.number)
        rounds.advance(timedelta(seconds=30))
        assert (await handset.closed())[0] == 4410


def welcome(owner: Owner) -> Welcome:
    return Welcome(new_id(), owner.number, 1, 0)


async def test_a_handset_that_reads_too_slowly_is_closed_and_holds_up_nobody(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    began, stuck, sent = asyncio.Event(), asyncio.Event(), list[Message]()

    async def send(message: Message) -> None:
        began.set()
        await stuck.wait()
        sent.append(message)

    stream = HandsetConnection(owner.registration, send, None)
    stream.open(welcome(owner))
    await began.wait()
    for _ in range(1001):
        stream.push("key", "reply", b"{}")
    assert stream.closing == (1013, "too many frames wait to be read")
    stuck.set()
    await stream.drained()
    stream.end()
    assert [message["type"] for message in sent] == ["websocket.send", "websocket.close"]


async def test_frames_keep_their_order_and_the_welcome_is_first(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message.get("text", message["type"]))

    stream = HandsetConnection(owner.registration, send, None)
    stream.put(b"early")
    stream.open(welcome(owner))
    stream.put(b"late")
    await stream.drained()
    stream.close(1013, "")
    await stream.drained()
    stream.end()
    assert '"type":"welcome"' in sent[0]
    assert sent[1:] == ["early", "late", "websocket.close"]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_withdrawal_that_overtakes_a_sync_is_seen(deps: Deps, times: int) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    (record,) = await store_records(deps, cast, new_record(deps, cast, owner.number))

    async def send(_: Message) -> None:
        """Reads everything."""

    stream = HandsetConnection(owner.registration, send, None)
    await deps.fabric.attach(owner.number, stream.push)
    with stream.withdrawn_meanwhile() as meanwhile:
        for _ in range(times):
            with stream.withdrawn_meanwhile() as inner:
                assert inner is meanwhile
        await personalisation.withdraw_record(deps, cast.account.id, record.key.id, by=SYSTEM)

        async def seen() -> bool:
            return meanwhile == {record.key.id}

        await until(seen)
    with stream.withdrawn_meanwhile() as later:
        assert later == set()
