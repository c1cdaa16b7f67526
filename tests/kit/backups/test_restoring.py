"""The drill: an installation under load is backed up and restored, on real PostgreSQL with its own programs."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import standardwebhooks
from msgspec import Struct
from msgspec.structs import replace
from tests.domain.numbers.staging import Business, labelled_set, phones
from tests.domain.webhooks.receiving import Stage, receiver, staged
from tests.kit.backups.backing_up import backed_up
from tests.support.between_tests import resting_on
from tests.support.databases import Databases
from tests.support.due_work import run_due_once
from tests.support.engines import SECRET_KEY, Engines
from tests.support.factories import Sent, make_label, phone, submit_batch
from tests.support.opened_deps import PATIENT_S
from tests.support.pooler import pooled_by_transactions
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.domain.installation import service as installations
from callmark.domain.members import service as members
from callmark.domain.personalisation.validation import V1
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.webhooks import service as webhooks
from callmark.instants import to_ms
from callmark.kit.backups import restoring
from callmark.kit.backups.restoring import check_idle, holds_anything, restore_backup
from callmark.kit.backups.snapshot import COUNTED
from callmark.kit.clock import SystemClock
from callmark.kit.errors import EngineRefuses, SetupError
from callmark.kit.heartbeats import connected_kinds
from callmark.kit.installation import held_since
from callmark.kit.postgres.database import connect, own_names
from callmark.kit.postgres.migrate import LOCK
from callmark.kit.secret_key import set_key
from callmark.kit.settings import Secret
from callmark.processes.compose import open_deps
from callmark.processes.worker import prepare
from callmark.record_rules.fields import NewRecord

Rows = Mapping[str, set[str]]
"""Of each table its rows, as text."""


class Filled(Struct):
    """An installation with something in the tables that matter, and what it takes to fill it further."""

    stage: Stage
    label_id: str
    webhook_secret: str

    @property
    def deps(self) -> Deps:
        return self.stage.deps

    async def push(self, count: int = 20) -> None:
        """One more batch of records and one more event, accepted."""
        now = self.deps.clock.now()
        starts, ends = to_ms(now), to_ms(now + timedelta(hours=1))
        records = [NewRecord("918040001234", phone(), self.label_id, None, None, starts, ends) for _ in range(count)]
        made = [Sent(record, lambda: b"{}") for record in records]
        await submit_batch(self.deps, self.stage.account_id, V1, made)
        await self.stage.append()


@pytest.fixture(scope="module")
def databases(databases_with_days: Databases) -> Databases:
    """What is filled is prepared first, and finds its days made."""
    return databases_with_days


@pytest.fixture
async def filled(deps: Deps) -> AsyncGenerator[Filled]:
    await prepare(deps)
    async with staged(deps) as stage:
        account_id = stage.account_id
        made = await stage.created("https://hooks.acme.example/")
        label = await make_label(stage.deps, account_id)
        async with stage.deps.db.transaction() as tx:  # the mark of the key, as the first process writes it
            await set_key(tx, Secret(SECRET_KEY), None)
        await members.create_without_rules(
            stage.deps, account_id, email="alice@drill.example", name="Alice Ünal", role=Role.ADMIN, by=SYSTEM
        )
        feature_set = await labelled_set(stage.deps, account_id, "Delivery default")
        await Business(stage.deps, account_id, feature_set.id).publish(*phones(300))
        filled = Filled(stage, str(label.id), made.secret)
        await filled.push()
        await run_due_once(stage.deps)
        yield filled


async def rows_of(dsn: str) -> Rows:
    async with connect(dsn) as tx:
        tables = [row["relname"] for row in await tx.fetch(COUNTED, "public")]
        return {
            name: {str(row[0]) for row in await tx.fetch(own_names(f"SELECT t::text FROM {name} t"))} for name in tables
        }


async def test_everything_comes_back_row_for_row_and_a_webhook_signs_as_its_receiver_knows(
    filled: Filled, engines: Engines, empty: str, tmp_path: Path
) -> None:
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    seen: list[int] = []
    await restore_backup(empty, archive, SystemClock(), note=seen.append, as_copy=False)
    before, after = await rows_of(engines.dsn), await rows_of(empty)
    assert after == before
    filled_tables = {
        "client_account",
        "member",
        "webhook",
        "label",
        "logo",
        "number",
        "call_record",
        "event",
        "delivery",
    }
    assert {name for name, rows in before.items() if rows} >= filled_tables
    assert sum(seen) == archive.dump_bytes
    assert {name: len(rows) for name, rows in after.items()} == archive.manifest.rows
    settings = msgspec.structs.replace(filled.deps.settings, postgres_dsn=Secret(empty))
    async with (
        open_deps(settings, "test", connected_within_s=PATIENT_S) as running,
        receiver() as there,
        staged(replace(running, clock=filled.deps.clock)) as stage,
    ):
        stage.account_id = filled.stage.account_id
        (webhook,) = await webhooks.list_webhooks(stage.deps, stage.account_id)
        await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, url=there.url, by=SYSTEM)
        await stage.append()
        await stage.run_due()
        await there.has(1)
    standardwebhooks.Webhook(filled.webhook_secret).verify(there.requests[0].body, there.requests[0].headers)


async def test_under_load_all_that_was_acknowledged_before_is_there_and_nothing_is_half_there(
    filled: Filled, engines: Engines, empty: str, tmp_path: Path
) -> None:
    async def load() -> None:
        while True:
            await filled.push()
            await run_due_once(filled.deps)

    loading = asyncio.create_task(load())
    acknowledged = await rows_of(engines.dsn)
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    in_time = await rows_of(engines.dsn)
    loading.cancel()
    with suppress(asyncio.CancelledError):
        await loading
    await restore_backup(empty, archive, SystemClock(), as_copy=False)
    restored = await rows_of(empty)
    for name in ("client_account", "member", "label", "logo", "event", "number", "feature_set", "webhook"):
        assert acknowledged[name] <= restored[name] <= in_time[name]
    ids = "SELECT id::text FROM {}"
    async with connect(empty) as tx:
        # Each batch with all of its records, each event with its delivery: one instant, not a table after another.
        assert not await tx.fetch(
            "SELECT FROM batch b WHERE record_count <> (SELECT count(*) FROM call_record r WHERE r.batch_id = b.id)"
        )
        assert not await tx.fetch(
            "SELECT FROM event e WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.event_id = e.id)"
        )
        kept = {row[0] for row in await tx.fetch(own_names(ids.format("call_record")))}
    assert kept >= {row.strip("()").split(",")[2] for row in acknowledged["call_record"]}
    assert len(kept) == archive.manifest.rows["call_record"]


async def test_a_copy_reaches_nobody_until_it_is_released(
    filled: Filled, engines: Engines, empty: str, tmp_path: Path
) -> None:
    await filled.push()  # its event waits for delivery
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    made = await restore_backup(empty, archive, SystemClock(), as_copy=True)
    assert made != archive.manifest.installation
    settings = msgspec.structs.replace(filled.deps.settings, postgres_dsn=Secret(empty))
    async with (
        open_deps(settings, "test", connected_within_s=PATIENT_S) as running,
        receiver() as there,
        staged(replace(running, clock=filled.deps.clock)) as stage,
    ):
        async with running.db.connection() as tx:
            assert await tx.fetchval("SELECT id FROM installation") == made
            assert await held_since(tx)
            await tx.execute("UPDATE webhook SET url = $1", there.url)
        await run_due_once(stage.deps)
        assert there.requests == []
        async with running.db.connection() as tx:
            await installations.release(tx, filled.deps.clock.now(), by=SYSTEM)
        await run_due_once(stage.deps)
        await there.has(1)


# all or nothing -------------------------------------------------------------------------------------------------------


async def test_beside_a_migration_that_does_not_end_and_through_a_pooler_nothing_is_restored(
    engines: Engines, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    async with pooled_by_transactions(empty) as dsn:
        with pytest.raises(EngineRefuses) as caught:
            async with asyncio.timeout(60):  # psql would wait for its turn without end
                await restore_backup(dsn, archive, SystemClock(), as_copy=False)
    assert "not in session mode" in caught.value.reason
    async with connect(empty) as stuck:
        assert not await holds_anything(stuck)
        monkeypatch.setattr(restoring, "FREE_WITHIN", timedelta())
        await stuck.execute("SET application_name = 'callmark migrate'")
        await stuck.execute("SELECT pg_advisory_lock($1)", LOCK)
        pid = await stuck.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(SetupError, match=rf"because callmark migrate \(process {pid}, for \d+ s\) migrates"):
            await restore_backup(empty, archive, SystemClock(), as_copy=False)
        assert not await holds_anything(stuck)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from callmark.kit.backups.archive import read_archive
from callmark.kit.backups import restoring
from callmark.kit.backups.restoring import restore_backup
from callmark.kit.clock import SystemClock

def die(_):
    os.kill(os.getpid(), signal.SIGKILL)

archive = read_archive(Path(sys.argv[2]))
asyncio.run(restore_backup(sys.argv[1], archive, SystemClock(), replace=True, note=die, as_copy=False))
"""


async def killed_restore(dsn: str, path: Path) -> None:
    """A restore that is killed while the dump is on its way; returns once the server has noticed."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, dsn, str(path))
    assert await child.wait() == -signal.SIGKILL
    async with connect(dsn) as tx:

        async def is_over() -> bool:
            return not await tx.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name <> 'tests' AND pid <> ALL ($1)",  # what keeps the databases of tests, and rests
                resting_on(dsn),
            )

        await until(is_over)


@pytest.mark.usefixtures("filled")
async def test_what_a_database_holds_stays_when_a_restore_is_refused_killed_or_undone_and_is_replaced_when_asked_for(
    engines: Engines, databases: Databases, tmp_path: Path
) -> None:
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    other = databases.take()
    async with connect(other.dsn) as tx:
        await tx.execute("CREATE TABLE notes (id serial); CREATE VIEW seen AS SELECT * FROM notes; CREATE SEQUENCE s")
        assert await holds_anything(tx)
    before = await rows_of(other.dsn)
    with pytest.raises(SetupError, match="already exists"):
        await restore_backup(other.dsn, archive, SystemClock(), as_copy=False)
    assert await rows_of(other.dsn) == before, "refused"
    await killed_restore(other.dsn, archive.path)
    assert await rows_of(other.dsn) == before, "killed"
    rows = archive.manifest.rows | {"label": 5}
    wrong = replace(archive, manifest=msgspec.structs.replace(archive.manifest, rows=rows))
    with pytest.raises(SetupError, match="table label has 2 rows, and the backup 5 of it"):
        await restore_backup(other.dsn, wrong, SystemClock(), replace=True, as_copy=False)
    assert await rows_of(other.dsn) == before, "undone"
    await restore_backup(other.dsn, archive, SystemClock(), replace=True, as_copy=False)
    assert await rows_of(other.dsn) == await rows_of(engines.dsn)
    databases.give_back(other)


async def test_a_restore_is_refused_while_processes_run_on_the_database(deps: Deps, engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        await check_idle(tx)
        async with open_deps(deps.settings, "worker", connected_within_s=PATIENT_S):
            with pytest.raises(SetupError, match=r"processes run on this database \(1: worker\)"):
                await check_idle(tx)

        async def is_alone() -> bool:
            return not await connected_kinds(tx)

        await until(is_alone)  # a server notices a moment later that a client has gone
        await check_idle(tx)


async def test_a_process_that_is_connected_and_does_not_beat_keeps_a_restore_out(engines: Engines) -> None:
    async with connect(engines.dsn) as tx, connect(engines.dsn) as suspended:
        await suspended.execute("SET application_name = 'callmark all-roles gathered'")
        with pytest.raises(SetupError, match=r"processes run on this database \(1: all-roles\)"):
            await check_idle(tx)
