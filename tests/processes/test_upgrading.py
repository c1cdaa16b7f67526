"""Upgrades under load: a schema of an earlier version, its statements beside the migration, the new code between."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import LiteralString
from uuid import UUID

import pytest
from msgspec import Struct, field
from tests.domain.webhooks.receiving import receiver, staged
from tests.support.engines import SECRET_KEY, Engines, empty_database, migrated_to
from tests.support.factories import ALICE
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import patiently, until

from callmark.domain.webhooks import service as webhooks
from callmark.kit.clock import SystemClock
from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id, random_text
from callmark.kit.postgres.database import DatabaseConnection, connect, own_names
from callmark.kit.postgres.migrate import POST_NEEDED, head, migrate, migrations, schema_number
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps
from callmark.processes.worker import prepare

STEPS_BACK = 5
LAST_POST = max(step.number for step in migrations() if step.phase == "post")

PATIENT: LiteralString = "SET lock_timeout = '30s'"
"""Of the platform's sessions: one that waits longer than a migration may make it wait fails the test."""


@pytest.fixture
async def empty(engines: Engines) -> AsyncGenerator[str]:
    async with empty_database(engines.dsn) as dsn:
        yield dsn


class OldPlatform(Struct):
    """What an earlier version does: its statements, on the columns that it knows; and what it was told is kept."""

    dsn: str
    account: UUID = field(default_factory=new_id)
    webhook: UUID = field(default_factory=new_id)
    kept: list[UUID] = field(default_factory=list[UUID])
    turns: int = 0

    async def begin(self, tx: DatabaseConnection) -> None:
        now = datetime.now(UTC)
        await tx.execute("INSERT INTO client_account VALUES ($1, 'Acme', 'active', '{}', $2)", self.account, now)
        await tx.execute("INSERT INTO event_counter VALUES ($1, 0)", self.account)
        await tx.execute(
            "INSERT INTO webhook (id, account_id, name, url, event_types, sealed_secret, honours_retry_after,"
            " stops_on_gone, created_by_email, created_at, updated_at) VALUES ($1, $2, 'orders', 'https://a.example',"
            " '{cmb}', 'sealed', false, false, 'alice@acme.example', $3, $3)",
            *(self.webhook, self.account, now),
        )
        await tx.execute("INSERT INTO webhook_queue (webhook_id) VALUES ($1)", self.webhook)

    async def push(self, tx: DatabaseConnection) -> None:
        """A record is accepted, pushed and settled; an event is appended; a mail waits."""
        batch, record, now = new_id(), new_id(), datetime.now(UTC)
        ends = now + timedelta(hours=1)
        async with tx.transaction():
            await tx.execute(
                "INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at)"
                " VALUES ($1, $2, $3, 1, $4, $4, $3)",
                *(batch, self.account, now, ends),
            )
            await tx.execute(
                "INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number,"
                " label_name, starts_at, accepted_at, outcome)"
                " VALUES ('919900001234', $1, $2, $3, $4, 0, '918040001234', 'Acme', $5, $5, 'pending')",
                *(ends, record, batch, self.account, now),
            )
        await tx.execute("UPDATE call_record SET outcome = 'success', settled_at = $1 WHERE id = $2", now, record)
        await tx.execute("UPDATE batch SET due_at = NULL WHERE id = $1", batch)
        async with tx.transaction():
            number = await tx.fetchval(
                "UPDATE event_counter SET last_number = last_number + 1 WHERE account_id = $1 RETURNING last_number",
                self.account,
            )
            await tx.execute(
                "INSERT INTO event (account_id, number, id, event_type, created_at, body)"
                " VALUES ($1, $2, $3, 'cmb', $4, '{}')",
                *(self.account, number, record, now),
            )
        await tx.fetch("SELECT w.url, q.due_at FROM webhook w JOIN webhook_queue q ON q.webhook_id = w.id")
        await tx.execute("UPDATE webhook SET updated_at = $1", now)
        await tx.execute(
            "INSERT INTO mail (id, recipient, subject, plain, html, created_at, due_at)"
            " VALUES ($1, 'alice@acme.example', 's', 'p', 'h', $2, $2)",
            *(record, now),
        )
        self.kept.append(record)
        self.turns += 1

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Three of its connections at work to the end of the block; what fails in one fails the test."""
        working = [asyncio.create_task(self._work()) for _ in range(3)]
        ended = False

        async def work_goes_on() -> bool:
            return self.turns > 6 or any(task.done() for task in working)

        try:
            await until(work_goes_on)
            yield
            ended = True
        finally:
            for task in working:
                task.cancel()
            results = await asyncio.gather(*working, return_exceptions=True)
            if ended:
                assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    async def _work(self) -> None:
        async with connect(self.dsn) as tx:
            await tx.execute(PATIENT)
            while True:
                await self.push(tx)

    async def check(self, tx: DatabaseConnection) -> None:
        """Everything that it was told is kept is there, each once."""
        for statement in (
            "SELECT count(*) FROM call_record WHERE id = ANY ($1) AND outcome = 'success'",
            "SELECT count(*) FROM event WHERE id = ANY ($1)",
            "SELECT count(*) FROM mail WHERE id = ANY ($1)",
        ):
            assert await tx.fetchval(statement, self.kept) == len(self.kept)


@pytest.mark.parametrize("number", range(head() - STEPS_BACK, head()))
async def test_a_migration_beside_the_earlier_version_blocks_and_loses_nothing(empty: str, number: int) -> None:
    await migrated_to(empty, number)
    old = OldPlatform(empty)
    async with connect(empty) as tx:
        await old.begin(tx)
        async with old.running():
            done = await migrate(empty, SystemClock(), phase="pre")
            at = old.turns

            async def works_on() -> bool:
                return old.turns > at + 3

            await until(works_on)
        assert all(step.phase == "pre" for step in done)
        await old.check(tx)
        await migrate(empty, SystemClock(), phase="post")
        assert await schema_number(tx) == head()
        await old.check(tx)


async def test_secrets_and_push_tokens_of_what_ended_long_ago_go_with_a_step(empty: str) -> None:
    await migrated_to(empty, 55)
    old = OldPlatform(empty)
    async with connect(empty) as tx:
        await old.begin(tx)
        await tx.execute("UPDATE webhook SET deleted_at = now()")
        await tx.execute("INSERT INTO periodic_job (name, due_at) VALUES ('deleted_webhooks', now()), ('sweep', now())")
        await tx.execute(
            "INSERT INTO handset_app (id, name, credential_sha256, created_at) VALUES ($1, 'Ring app', '', now())",
            old.account,
        )
        await tx.execute(
            "INSERT INTO registration (phone_number, generation, app_id, os, app_version, registered_at, token_sha256,"
            " forgotten_at, push_service, push_token) VALUES"
            " ('919900001234', 1, $1, 'ios', '1', now(), NULL, now(), 'fcm', 'gone'),"
            " ('919900001235', 1, $1, 'ios', '1', now(), 'live', NULL, 'fcm', 'kept')",
            old.account,
        )
        await migrate(empty, SystemClock())
        assert await tx.fetchval("SELECT sealed_secret FROM webhook") == b""
        assert await tx.fetchval("SELECT array_agg(name) FROM periodic_job") == ["sweep"]
        assert await tx.fetchval("SELECT array_agg(push_token) FROM registration WHERE push_service = 'fcm'") == [
            "kept"
        ]


# locks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_hidden", [False, True])
async def test_a_migration_waits_in_short_turns_so_that_others_pass_and_runs_once_it_can(
    empty: str, *, is_hidden: bool
) -> None:
    acting = await as_owner(empty) if is_hidden else empty
    await migrated_to(acting, 18)
    told: list[str] = []
    waited = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        waited.set()

    async with connect(empty) as reader, connect(empty) as writer:
        await reader.execute("SET application_name = 'callmark backup'")
        await writer.execute(PATIENT)
        async with reader.transaction():
            await reader.execute("LOCK TABLE webhook IN ACCESS SHARE MODE")
            migrating = asyncio.create_task(migrate(acting, SystemClock(), tell=tell))
            await until(lambda: _is_waiting(writer))
            await writer.execute("UPDATE webhook SET updated_at = now()")  # it queues behind the migration, and passes
            await waited.wait()
        assert [step.number for step in await migrating] == list(range(19, head() + 1))
    since = "" if is_hidden else r", for \d+ s"
    # The writer may be named too: its change holds its lock for a moment after it has waited for the migration.
    assert re.match(rf"0019 waits for locks of (.+, )?callmark backup \(process \d+{since}\)(, .+)?$", told[0])
    assert told[-1] == f"{head():04d} {migrations()[-1].phase} {migrations()[-1].name}"


async def as_owner(dsn: str) -> str:
    """The address for one who acts as the database's owner, and may not see what other roles' sessions do."""
    role = own_names(f"owner_{random_text(8).lower()}")
    async with connect(dsn) as tx:
        database = own_names(await tx.fetchval("SELECT current_database()"))
        await tx.execute(f"CREATE ROLE {role}; ALTER DATABASE {database} OWNER TO {role}")
    return f"{dsn}&role={role}"


async def _is_waiting(tx: DatabaseConnection) -> bool:
    """Whether a migration of this database, and not one of a test beside it, waits for a lock."""
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )


async def test_a_migration_and_a_writer_that_wait_for_each_other_are_both_done_in_the_end(empty: str) -> None:
    await migrated_to(empty, 18)
    async with connect(empty) as writer:
        await writer.execute("SET deadlock_timeout = '10min'")  # so the migration is the one that is undone
        async with writer.transaction():
            await writer.execute("LOCK TABLE attempt IN ROW EXCLUSIVE MODE")
            migrating = asyncio.create_task(migrate(empty, SystemClock()))
            await until(lambda: _is_waiting(writer))  # it has the webhooks by now
            await writer.execute("LOCK TABLE webhook IN ROW EXCLUSIVE MODE")
        assert 19 in {step.number for step in await migrating}


async def test_a_lock_that_is_not_to_be_had_is_named_and_the_migration_can_be_run_again(empty: str) -> None:
    await migrated_to(empty, 18)
    async with connect(empty) as reader:
        async with reader.transaction():
            await reader.execute("LOCK TABLE webhook IN ACCESS SHARE MODE")
            with pytest.raises(
                SetupError, match=r"migration 0019 .*locks of .* \(process .*Try again when that has ended"
            ):
                await migrate(empty, SystemClock(), within=timedelta())
            assert await schema_number(reader) == 18
        await migrate(empty, SystemClock())
        assert await schema_number(reader) == head()


# the new code between pre and post ------------------------------------------------------------------------------------


async def test_the_new_code_runs_before_and_while_the_last_steps_do(empty: str, engines: Engines) -> None:
    await migrated_to(empty, POST_NEEDED)
    await migrate(empty, SystemClock(), phase="pre")
    settings = read_settings({}, postgres_dsn=empty, nats_url=engines.nats_url, secret_key=SECRET_KEY)

    async with (
        open_deps(settings, "test", connected_within_s=PATIENT_S) as running,
        receiver() as there,
        staged(running) as stage,
        connect(empty) as tx,
    ):
        assert await tx.fetchval("SELECT count(*) FROM schema_migration WHERE number = $1", LAST_POST) == 0
        await prepare(stage.deps)
        made = await stage.created(there.url)
        sent: list[str] = []

        rotate = partial(webhooks.rotate_secret, by=ALICE)

        async def append_and_deliver(overlap: timedelta = timedelta()) -> None:
            # What a step ends in a deadlock is asked again, as users would.
            for _ in range(3):
                sent.extend(str(event.id) for event in await patiently(stage.append))
            await stage.run_due()
            await patiently(partial(rotate, stage.deps, stage.account_id, made.webhook.id, overlap=overlap))

        await append_and_deliver(timedelta(hours=1))  # not at each turn: ten earlier secrets can sign at most
        await beside(append_and_deliver, migrate(empty, SystemClock(), phase="post"))
        await append_and_deliver(timedelta(hours=1))
        assert sorted(request.event_id for request in there.requests) == sorted(sent)
        assert await tx.fetchval("SELECT count(*) FROM delivery") == len(sent)


async def beside(work: Callable[[], Awaitable[None]], migrating: Awaitable[object]) -> None:
    """Repeats `work` until `migrating` is done, and at least twice."""
    task = asyncio.ensure_future(migrating)
    await work()
    await work()
    while not task.done():
        await work()
    await task
