"""The library against the running platform with its real engines: the whole surface, and every fault on the way."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.client.conftest import ONLINE, Platform
from tests.client.proxy import proxied
from tests.support.factories import make_feature_set
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed, ring

import callmark
from callmark.client.options import Generation
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.credentials import service as credentials
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import KeyId
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import random_uuid
from callmark.kit.ports import free_port

GENERATIONS: tuple[Generation, ...] = (1, 2, 3)
SHARED = """
import os, sys, callmark
names = "base_url", "account_id", "key_id", "api_key"
Client, Store = callmark.Client, callmark.FileTokenStore
for _ in range(3):
    if not os.fork():
        client = Client(**dict(zip(names, sys.argv[1:5])), token_store=Store(sys.argv[5]))
        print(len(list(client.labels.list())))
        sys.exit()
print(*(os.wait()[1] for _ in range(3)))
"""


async def test_a_push_says_what_became_of_it(
    platform: Platform, clock: FakeClock, client: callmark.AsyncClient
) -> None:
    for generation in GENERATIONS:
        clients = client.with_options(generation=generation)
        reason = f"Your parcel {generation} arrives today"
        shown = await clients.push(**platform.record(reason=reason))
        said = (shown.status, bool(shown.request_id), bool(shown.batch_id))
        assert said == ("success", True, generation == 1), generation
        nobody = await clients.push(**platform.record(receiver="919900000099"))
        assert (nobody.status, nobody.message) == ("error", "Not a Truecaller user"), generation
        with pytest.raises(callmark.InvalidRecord, match="10 and 100") as raised:
            await clients.push(**platform.record(reason="short"))
        assert raised.value.field == "reason", generation
        clock.advance(timedelta(minutes=1))  # it stands still, and the client's idea of it goes on
        shows = await client.resolve("918040001234", ONLINE)
        assert shows.identity, generation
        assert shows.identity.call_reason == reason


async def test_a_batch_tells_of_each_record(platform: Platform, client: callmark.AsyncClient) -> None:
    for generation in GENERATIONS:
        clients = client.with_options(generation=generation)
        rows = [platform.record(), platform.record(receiver="919900000099"), platform.record(receiver="12")]
        batch = await clients.batches.create(rows)
        assert (batch.is_settled, batch.counts["pending"]) == (False, 3), generation
        await platform.push_due()
        await batch.wait(timeout=60)
        assert [result.status for result in batch.records] == ["success", "error", "invalid"], generation
        assert batch.records[1].message == "Not a Truecaller user", generation
        assert batch.records[2].field == "receiver", generation
        assert batch.records[2].message == "receiver is not a valid phone number", generation
        again = await clients.batches.get(batch.batch_id)
        assert again.counts == {"pending": 0, "success": 1, "error": 1, "invalid": 1}, generation
        assert again.records[0].record.caller.removeprefix("+") == "918040001234", generation


async def test_our_own_routes(platform: Platform, clock: FakeClock, client: callmark.AsyncClient) -> None:
    starts_at = clock.now()  # it stands still, and the client's idea of it goes on
    batch = await client.batches.create([platform.record(starts_at=starts_at), platform.record(receiver="12")])
    await platform.push_due()
    await batch.wait(timeout=60)
    record_id = batch.records[0].record_id or ""
    assert (await client.records.get(record_id)).outcome == "success"
    assert [step.what for step in await client.records.timeline(record_id)] == ["accepted", "sent", "settled"]
    assert [one.outcome async for one in client.batches.timeline(batch.batch_id)] == ["success", "invalid"]
    assert (await client.batches.funnel(batch.batch_id)).failures == {"invalid": 1}
    assert (await client.resolve("+918040001234", ONLINE)).shows == "call_record"
    assert (await client.records.cancel(record_id)).withdrawn_at
    assert (await client.batches.cancel(batch.batch_id)).cancelled_before == 1
    assert (await client.resolve("918040001234", ONLINE)).shows == "none"
    report = await client.check([platform.record(), {"caler": "1"}, platform.record(receiver="12", reason="x")])
    assert [(one.index, one.field) for one in report.faults] == [(1, "caler"), (2, "receiver"), (2, "reason")]
    assert (report.records, report.is_clean) == (3, False)
    with pytest.raises(callmark.NotFound):
        await client.records.get("nothing")


async def test_calls_are_announced_and_then_show(platform: Platform, client: callmark.AsyncClient) -> None:
    listed = await make_listed(platform.deps, account_id=platform.cast.account.id)
    await accounts.update_account(platform.deps, listed.account_id, by=SYSTEM, announced_calls_only=True)
    caller = f"+{listed.number}"
    assert (await client.resolve(listed.number, ONLINE)).shows == "none"
    call = await client.calls.announce("dialer-1", caller=caller, receiver=ONLINE)
    assert (call.state, call.caller) == ("ringing", listed.number)
    assert (await client.resolve(listed.number, ONLINE)).shows == "listed_number"
    ended = await client.calls.announce("dialer-1", caller=caller, receiver=ONLINE, state="ended")
    assert ended.state == "ended"
    assert (await client.resolve(listed.number, ONLINE)).shows == "none"
    with pytest.raises(callmark.Conflict):
        await client.calls.announce("dialer-1", caller=caller, receiver="919900000099")
    with pytest.raises(callmark.BadRequest):
        await client.calls.announce("dialer-2", caller="918040009999", receiver=ONLINE)


async def test_lists_and_listings(platform: Platform, client: callmark.AsyncClient) -> None:
    made = await make_feature_set(
        platform.deps, platform.cast.account.id, new=NewFeatureSet("Delivery default", label_id=None)
    )
    assert [label.name async for label in client.labels.list()] == ["Acme Deliveries"]
    sets = [one async for one in client.feature_sets.list()]
    assert [one.id for one in sets] == [str(made.id)]
    assert [one.id async for one in client.feature_sets.list(process_id=sets[0].process_id)] == [str(made.id)]
    with pytest.raises(callmark.BadRequest):  # a set without a label cannot be published
        await client.numbers.publish(str(made.id), ["918040001234"])
    with pytest.raises(callmark.PermissionDenied):
        await client.numbers.publish(str(random_uuid()), ["918040001234"])
    assert [one async for one in client.numbers.list(feature_set_id=str(made.id))] == []


async def test_logs_and_events(
    platform: Platform, client: callmark.AsyncClient, clock: FakeClock, tmp_path: Path
) -> None:
    listed = await make_listed(platform.deps, account_id=platform.cast.account.id)
    for _ in range(3):
        receiver, _ = await ring(platform.deps, listed)
        await callbacks.request(platform.deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    now = clock.now()
    download = await client.logs.call_me_back(now - timedelta(days=1), now)
    assert [row["business_number"] async for row in download.rows()] == [listed.number] * 3
    saved = await download.save(tmp_path / "log.csv")
    assert saved.read_text().count("\n") == 4
    clock.advance(timedelta(minutes=11))  # the link is over; the download asks for another
    assert len([row async for row in download.rows()]) == 3
    with pytest.raises(callmark.NotFound, match="No feedback"):
        await client.logs.feedback(str(random_uuid()), now)
    cursor = client.events.list(after=1, limit=1)
    assert [event.number async for event in cursor] == [2, 3]
    assert cursor.after == 3
    assert [event.number async for event in cursor] == []
    with pytest.raises(callmark.Conflict, match=r"ends at 3, before 4.*after=0"):
        _ = [event async for event in client.events.list(after=4)]


async def test_a_client_of_threads_does_the_same(platform: Platform) -> None:
    def use() -> list[Any]:
        with callmark.Client(**platform.options) as client:
            pushed = client.push(**platform.record())
            pending = list(client.push_many([platform.record()], wait=False))
            labels = [label.name for label in client.labels.list()]
            return [
                pushed.status,
                pending[0].status,
                labels,
                client.resolve("1234567", ONLINE).shows,
                list(client.events.list()),
            ]

    assert await asyncio.to_thread(use) == ["success", "pending", ["Acme Deliveries"], "none", []]


async def test_whatever_happens_on_the_way_nothing_is_pushed_twice(platform: Platform) -> None:
    faults = "refuse", "cut", "half", "page", "no json", "twice"
    async with proxied(platform.emulator.port) as proxy, platform.client(base_url=proxy.url) as client:
        for fault in faults:
            proxy.seen.clear()
            proxy.plan = iter([fault])
            await client.push(**platform.record())
            assert len(proxy.seen) == (1 if fault == "twice" else 2)
            assert len(set(proxy.seen)) == 1
        proxy.plan = iter(["cut"])
        assert len([one async for one in client.push_many([platform.record()] * 3, wait=False)]) == 3
    assert await platform.count("call_record") == len(faults) + 3
    assert await platform.count("batch") == len(faults) + 1


async def test_a_fault_that_stays_ends_in_an_error_of_the_tree(platform: Platform) -> None:
    kinds = {"refuse": callmark.APIConnectionError, "page": callmark.ServerError, "no json": callmark.UnexpectedAnswer}
    async with proxied(platform.emulator.port) as proxy, platform.client(base_url=proxy.url, max_retries=0) as client:
        for fault, kind in kinds.items():
            proxy.plan = iter([fault])
            with pytest.raises(kind):
                await client.push(**platform.record())
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with platform.client(base_url=nowhere, max_retries=0) as client:
        with pytest.raises(callmark.APIConnectionError, match=r"cannot reach.*that the server is running"):
            await client.push(**platform.record())
    async with platform.client(api_key=str(random_uuid())) as client:
        with pytest.raises(callmark.AuthenticationError, match="key id and secret"):
            await client.push(**platform.record())


async def test_what_took_too_long_can_be_repeated_under_its_own_key(platform: Platform, clock: FakeClock) -> None:
    record = platform.record(expires_in=None, starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=1))
    async with proxied(platform.emulator.port) as proxy, platform.client(base_url=proxy.url) as client:
        await client.resolve("918040001234", ONLINE)  # so that the token is there
        proxy.plan = iter(["late"])
        hasty = client.with_options(timeout=0.2, max_retries=0)
        with pytest.raises(callmark.APITimeoutError, match="did not answer in time"):
            await hasty.push(**record, idempotency_key="order-17")
        await client.push(**record, idempotency_key="order-17")
        with pytest.raises(callmark.Conflict):
            await client.push(**record, reason="Another reason", idempotency_key="order-17")
    assert await platform.count("call_record") == 1


async def test_a_key_that_is_revoked_on_the_way(platform: Platform, client: callmark.AsyncClient) -> None:
    assert (await client.push(**platform.record())).status == "success"
    key_id = KeyId(UUID(platform.cast.key_id))
    await credentials.delete_key(platform.deps, platform.cast.account.id, key_id, by=SYSTEM)
    with pytest.raises(callmark.AuthenticationError):
        await client.push(**platform.record())


async def test_a_suspended_account(platform: Platform, client: callmark.AsyncClient) -> None:
    await accounts.update_account(platform.deps, platform.cast.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    with pytest.raises(callmark.PermissionDenied, match="admin"):
        await client.push(**platform.record())


async def test_a_refusal_by_the_limit_passes(platform: Platform, client: callmark.AsyncClient) -> None:
    faults = {"status": 429, "slug": "too-many-requests", "count": 1, "latency_ms": 0}
    await client.push(**platform.record())
    answer = await platform.emulator.http.put("/emulator/v1/faults", json=faults)
    assert answer.status_code == 200, answer.text
    assert (await client.push(**platform.record())).status == "success"


async def test_the_records_window_is_of_the_servers_clock(
    platform: Platform, client: callmark.AsyncClient, clock: FakeClock
) -> None:
    assert abs(clock.now() - datetime.now(UTC)) > timedelta(hours=1)  # as a machine whose clock is wrong
    assert (await client.push(**platform.record(expires_in=timedelta(minutes=5)))).status == "success"


async def test_a_clock_that_is_moved_between_pushes(platform: Platform, clock: FakeClock) -> None:
    """With the token still valid, and with it over; each with a client that knows nothing of the clock yet."""
    for moved in (timedelta(minutes=50), timedelta(minutes=70)):
        async with platform.client() as client:
            for _ in range(3):
                pushed = await client.push(**platform.record(expires_in=timedelta(minutes=5)))
                assert pushed.status == "success", moved
                clock.advance(moved)
            with pytest.raises(callmark.InvalidRecord, match="24 hours"):
                await client.push(**platform.record(expires_in=timedelta(hours=25)))


@pytest.mark.parametrize("moved", [timedelta(minutes=30), timedelta(minutes=70), -timedelta(days=2)])
async def test_records_without_a_start_begin_now_after_an_emulators_clock_was_moved(
    platform: Platform, client: callmark.AsyncClient, clock: FakeClock, moved: timedelta
) -> None:
    """On, and back by a reset: with a token that is still valid, nothing else tells. None is pushed twice."""
    expected: list[datetime] = []
    for by, way in ((timedelta(), "push"), (moved, "push"), (-moved, "push_many"), (moved, "batch")):
        clock.advance(by)
        expected.append(clock.now())
        if way == "push":
            await client.push(**platform.record())
        elif way == "push_many":
            _ = [result async for result in client.push_many([platform.record()], wait=False)]
        else:
            await client.batches.create([platform.record()])
    async with platform.deps.db.connection() as tx:
        starts = [row["starts_at"] for row in await tx.fetch("SELECT starts_at FROM call_record ORDER BY starts_at")]
    assert len(starts) == len(expected)
    assert all(abs(one - other) < timedelta(seconds=5) for one, other in zip(starts, sorted(expected), strict=True))


async def test_tasks_share_one_token(platform: Platform, client: callmark.AsyncClient) -> None:
    before = await platform.count("access_token")
    await asyncio.gather(*(client.resolve("918040001234", ONLINE) for _ in range(50)))
    assert await platform.count("access_token") == before + 1


async def test_processes_share_one_token(platform: Platform, tmp_path: Path) -> None:
    before = await platform.count("access_token")
    arguments = [*map(str, platform.options.values()), str(tmp_path / "tokens.json")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SHARED, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[0] == b"1\n1\n1\n0 0 0\n"
    assert await platform.count("access_token") == before + 1
