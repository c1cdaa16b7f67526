"""A copy of an installation: another id, and nothing is sent until it is released."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.signer_certificates.staging import make_signing_business, signer_of
from tests.domain.webhooks.receiving import Stage, receiver, staged
from tests.kit.outbound.mailing import mail_server
from tests.support.databases import Databases
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.waiting import open_connected

from callmark.domain.alerts import recipients
from callmark.domain.alerts.model import RecipientKind
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.installation import service as installations
from callmark.domain.installation.model import Dropped, InstallationState
from callmark.domain.mail import jobs, service as mail
from callmark.domain.signer_certificates import roots
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.model import DeliveryState
from callmark.kit import checks, health
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.errors import Conflict, SetupError
from callmark.kit.fabric.client import Fabric
from callmark.kit.health import readyz
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.installation import KEEP, RENEW, check_place, held_since, place_of
from callmark.kit.postgres.database import connect
from callmark.kit.short_memory import ShortMemory
from callmark.kit.worker import Worker
from callmark.surfaces.cli.command import operator_at_terminal


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


async def renewed(deps: Deps) -> UUID:
    async with deps.db.transaction() as tx:
        return await installations.renew(tx, "here", deps.real_clock.now(), by=operator_at_terminal())


async def released(deps: Deps, *, drop: bool = False) -> Dropped:
    async with deps.db.transaction() as tx:
        return await installations.release(tx, deps.clock.now(), by=operator_at_terminal(), drop=drop)


async def state_of(deps: Deps, place: str = "here") -> InstallationState:
    async with deps.db.connection() as tx:
        return await installations.look(tx, place)


async def noted(deps: Deps, action: str) -> AuditEntry:
    (entry,) = await audit.list_entries(deps, None, AuditFilter(action=action))
    return entry


async def enqueue(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="alice@acme.example", subject="Hi", text="Hi", html="", now=deps.clock.now())


async def send_mails(deps: Deps) -> int:
    return await Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).run_due(jobs.mails(deps))


async def test_a_copy_delivers_nothing_until_it_is_released(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        await stage.append(2)
        before = await state_of(stage.deps)
        assert await renewed(stage.deps) == (await state_of(stage.deps)).id != before.id
        assert await stage.run_due() == 0
        with pytest.raises(Conflict, match="copy"):
            await deliveries.send_test(stage.deps, stage.account_id, webhook.id, outbound=stage.outbound, by=ALICE)
        await stage.append()  # what comes waits too
        assert await stage.run_due() == 0
        assert (await state_of(stage.deps)).waiting_deliveries == 3
        assert there.requests == []
        assert await released(stage.deps) == Dropped(0, 0)
        assert await stage.run_due() == 3
        assert len(there.requests) == 3
    entry = await noted(stage.deps, "installation.renewed")
    assert entry.details["old_id"] == str(before.id)
    assert entry.by_operator


async def test_a_worker_that_holds_a_webhook_already_sends_nothing_either(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        await stage.append()
        worker = stage.worker()
        (claimed,) = await worker.worker.claim(worker.dispatcher.work, 1)
        assert claimed.row["webhook_id"] == webhook.id
        await renewed(stage.deps)
        await worker.dispatcher.work.run(claimed)
        assert there.requests == []


async def test_a_copy_to_try_things_on_is_released_without_its_webhooks_and_mails(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        await stage.append()
        await enqueue(stage.deps)
        address = "https://chat.example.com/hook"
        await recipients.add_channel(stage.deps, stage.account_id, "Chat", address, ["webhook_failing"], by=ALICE)
        await renewed(stage.deps)
        assert await released(stage.deps, drop=True) == Dropped(1, 1)
        assert RecipientKind.CHANNEL not in {
            one.kind for one in await recipients.list_recipients(stage.deps, stage.account_id)
        }
        await stage.append()
        assert await stage.run_due() == 0
        assert there.requests == []
    assert await webhooks.list_webhooks(stage.deps, stage.account_id) == []
    assert [one.state for one in await stage.log()] == [DeliveryState.WEBHOOK_NOT_FOUND]
    assert (await state_of(stage.deps)).waiting_mails == 0
    assert (await noted(stage.deps, "installation.released")).details == {"webhooks_deleted": 1, "mails_deleted": 1}


async def test_mails_wait_too(stage: Stage) -> None:
    async with mail_server() as inbox:
        settings = msgspec.structs.replace(
            stage.deps.settings,
            smtp_host="127.0.0.1",
            smtp_port=inbox.port,
            mail_from="a@callmark.example",
            smtp_tls="none",
        )
        deps = replace(stage.deps, settings=settings)
        await enqueue(deps)
        await renewed(deps)
        assert await send_mails(deps) == 0
        await released(deps)
        assert await send_mails(deps) == 1
    assert len(inbox.mails) == 1


async def test_what_is_not_held_cannot_be_released(deps: Deps) -> None:
    with pytest.raises(Conflict, match="nothing is held"):
        await released(deps)


async def test_an_installation_whose_processes_run_is_not_renewed(deps: Deps) -> None:
    before = await state_of(deps)
    process = LiveProcess("worker", deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await process.start()
    with pytest.raises(Conflict, match=r"processes run on this database \(1\)"):
        await renewed(deps)
    assert await state_of(deps) == before
    await process.stop()
    await renewed(deps)


async def test_a_process_that_is_connected_and_does_not_beat_counts_as_running(deps: Deps, engines: Engines) -> None:
    async with connect(engines.dsn) as stuck:
        await stuck.execute("SET application_name = 'callmark http'")
        with pytest.raises(Conflict, match="processes run"):
            await renewed(deps)


async def test_the_copys_subjects_are_not_the_originals(deps: Deps, engines: Engines) -> None:
    new = await renewed(deps)
    heard: list[bytes] = []

    async def hear(payload: bytes) -> None:
        heard.append(payload)

    await deps.fabric.listen("news", hear)  # the original's process
    copy = Fabric(engines.nats_url, new, name="copy")
    await open_connected(copy)
    await copy.announce("news")
    await copy.round_trip(60)
    await deps.fabric.round_trip(60)
    await copy.close()
    assert heard == []


async def test_a_database_in_another_place_is_not_started_until_it_is_said_what_it_is(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        here = await place_of(tx, None)
        assert here.startswith("database ")
        await check_place(tx, here)
        await check_place(tx, here)
        with pytest.raises(SetupError, match="callmark installation renew"):
            await check_place(tx, f"{here}, elsewhere")
        await check_place(tx, "")  # a server that does not say
    assert (await state_of(deps, "elsewhere")).is_elsewhere
    async with deps.db.transaction() as tx:
        await installations.keep(tx, "elsewhere", deps.real_clock.now(), by=operator_at_terminal())
        await check_place(tx, "elsewhere")
        assert await held_since(tx) is None
    assert (await noted(deps, "installation.moved")).details == {"before": here, "place": "elsewhere"}


async def test_another_database_of_the_server_is_another_place(deps: Deps, databases: Databases) -> None:
    other = databases.take()
    async with deps.db.connection() as tx, connect(other.dsn) as there:
        assert await place_of(tx, None) != await place_of(there, None)
    databases.give_back(other)


async def test_a_restore_says_both_in_one_statement(deps: Deps) -> None:
    before = await state_of(deps)
    async with deps.db.connection() as tx:
        await check_place(tx, "there")
        await tx.execute(KEEP)
        await check_place(tx, "here")
        assert await held_since(tx) is None
        await tx.execute(RENEW)
        await check_place(tx, "a third")
        held_at = await held_since(tx)
    assert held_at
    assert abs(held_at - SystemClock().now()) < timedelta(minutes=1)
    assert (await state_of(deps)).id != before.id


async def test_a_held_installation_is_ready_and_says_so(deps: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    async with deps.db.connection() as tx:
        assert (await checks.outgoing(tx)).detail == "webhooks and emails are sent"
        await renewed(deps)
        assert "callmark installation release" in (await checks.outgoing(tx)).detail
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 60)
    status, body = await readyz(deps.db, deps.fabric, deps.health)
    (outgoing,) = [one for one in msgspec.json.decode(body)["checks"] if one["name"] == "outgoing"]
    assert (status, outgoing["ok"]) == (200, True)
    assert outgoing["reason"].startswith("nothing is sent since ")


async def test_a_copy_signs_no_calls_with_the_originals_keys(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    assert await signer_of(replace(deps, memory=ShortMemory()), business.account_id, number)
    await renewed(deps)
    assert await signer_of(replace(deps, memory=ShortMemory()), business.account_id, number) is None
    async with deps.db.connection() as tx:
        for table in ("trust_root", "signer_certificate"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE sealed_key IS NOT NULL") == 0
    assert await roots.trusted_roots(deps)  # calls that the original signed still count
