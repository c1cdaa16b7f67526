"""Writes of many rows while another transaction changes some: every row gets its due, on each PostgreSQL that is here.

On stored rows with statistics, by statements whose plans are kept: there a server may find no other row once it had to
wait for one.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree

import pytest
from msgspec import Struct
from tests.support.engines import reachable_directory
from tests.support.kept_days import KEPT
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until

from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, BatchId, DeliveryId, EventId, RecordId, WebhookId
from callmark.domain.personalisation import queries
from callmark.domain.personalisation.batches import queries as batch_queries
from callmark.domain.personalisation.model import Batch, Outcome, RecordKey, Settlement
from callmark.domain.personalisation.sweeping import queries as sweep_queries
from callmark.domain.personalisation.sweeping.queries import OpenBatch
from callmark.domain.webhooks.deliveries import queries as delivery_queries
from callmark.domain.webhooks.dispatch import queries as dispatch_queries, recording
from callmark.domain.webhooks.dispatch.queries import EndedAttempt, HeldWebhook
from callmark.domain.webhooks.model import Attempt, Configuration, DeliveryState, DueDelivery, Secrets, Verdict
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import PostgresBinaries, postgres_candidates
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Database, DatabaseConnection, Tx, connect, own_names
from callmark.kit.postgres.migrate import migrate
from callmark.kit.postgres.partitions import keep_days

NOW = SystemClock().now().replace(microsecond=0)
ROWS, STORED, ROUNDS = 45, 30_000, 2
ACCOUNT = AccountId(new_id())

Write = Callable[[DatabaseConnection], Awaitable[object]]

FILL = """
INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number, starts_at,
  accepted_at, outcome)
SELECT '9190' || lpad((n % 90000)::text, 8, '0'), $3::timestamptz + (n % 40) * interval '1 hour', gen_random_uuid(),
  $1, $2, 0, '918040001234', $3, $3, 'success' FROM generate_series(1, $4::int) n
"""
LEASED = """
WITH account AS (
  INSERT INTO client_account (id, name, state, features, created_at) VALUES ($1, 'Borealis', 'active', '{}', $4)
), hook AS (
  INSERT INTO webhook (id, account_id, name, url, event_types, sealed_secret, honours_retry_after, stops_on_gone,
    created_by_email, created_at, updated_at)
  VALUES ($2, $1, 'hook', 'https://example.com', '{cmb}', '', false, false, '', $4, $4)
)
INSERT INTO webhook_queue (webhook_id, due_at, lease_id, leased_until) VALUES ($2, $4, $3, $4)
"""
FILL_DELIVERIES = """
INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, event_number, created_at, state, ended_at)
SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), 'call', n,
  $2::timestamptz - (n % 30) * interval '1 hour', 'success', $2 FROM generate_series(1, $3::int) n
"""


class Server(Struct):
    """A server with a migrated database that has stored rows and statistics."""

    dsn: str

    def connection(self) -> AbstractAsyncContextManager[DatabaseConnection]:
        return connect(self.dsn)

    async def beside(self, hold: Write, write: Write) -> None:
        """Runs `write` on a connection that keeps its plans, while an open transaction has done `hold`."""
        async with self.connection() as first, self.connection() as second:
            await second.execute("SET plan_cache_mode = force_generic_plan")
            waits = partial(first.fetchval, WAITS, await second.fetchval("SELECT pg_backend_pid()"))
            async with first.transaction():
                await hold(first)
                writing = asyncio.create_task(self._in_transaction(second, write))
                await until(waits)
            await writing

    async def _in_transaction(self, tx: DatabaseConnection, write: Write) -> None:
        async with tx.transaction():
            await write(tx)


WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock')"


async def prepare(dsn: str) -> None:
    await migrate(dsn, SystemClock())
    db = await Database.open(dsn, size=1, connected_within_s=PATIENT_S)
    await keep_days(db, NOW - timedelta(days=1), KEPT)
    async with db.connection() as tx:
        await tx.execute(
            "INSERT INTO client_account (id, name, state, features, created_at)"
            " VALUES ($1, 'Acme', 'active', '{}', $2)",
            ACCOUNT,
            NOW,
        )
        await tx.execute(FILL, new_id(), ACCOUNT, NOW, STORED)
        await tx.execute(FILL_DELIVERIES, ACCOUNT, NOW, STORED)
        await tx.execute("ANALYZE")
    await db.close()


@pytest.fixture(scope="module", params=postgres_candidates(None), ids=lambda found: f"postgresql {found.major}")
async def server(request: pytest.FixtureRequest) -> AsyncGenerator[Server]:
    found: PostgresBinaries = request.param
    directory: Path = reachable_directory()
    async with EmbeddedPostgres(directory / "data", bin_dir=found.bin_dir, durable=False) as dsn:
        await prepare(dsn)
        yield Server(dsn)
    rmtree(directory)


# call records --------------------------------------------------------------------------------------------------------


async def make_batch(
    server: Server, *, ends: Sequence[timedelta], due_at: datetime | None = None
) -> tuple[Batch, list[RecordKey]]:
    """A batch of pending records, a third of which end after each of `ends`."""
    instants = [NOW + ends[position % len(ends)] for position in range(ROWS)]
    batch = Batch(BatchId(new_id()), ACCOUNT, NOW, ROWS, min(instants), max(instants))
    keys = [
        RecordKey(PhoneNumber(f"91980{position % 12:07d}"), instant, RecordId(new_id()))
        for position, instant in enumerate(instants)
    ]
    columns = (
        "receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_name, accepted_at, outcome"
    )
    shown = ("918040001234", "Acme", NOW, Outcome.PENDING)
    rows = [
        (key.receiver_number, key.ends_at, key.id, batch.id, ACCOUNT, position, *shown)
        for position, key in enumerate(keys)
    ]
    async with server.connection() as tx:
        await queries.insert_batches(tx, [queries.NewBatch(batch, due_at, None, b"")])
        await tx.copy_records_to_table("call_record", records=rows, columns=columns.split(", "))
    return batch, keys


async def outcomes(server: Server, batch: Batch) -> dict[str, int]:
    async with server.connection() as tx:
        rows = await tx.fetch("SELECT outcome, count(*) AS n FROM call_record WHERE batch_id = $1 GROUP BY 1", batch.id)
    return {row["outcome"]: row["n"] for row in rows}


AHEAD = [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=20)]
PAST = [-timedelta(minutes=15), -timedelta(hours=1), -timedelta(hours=20)]


def succeeded(keys: Sequence[RecordKey]) -> Write:
    return lambda tx: queries.settle(tx, [Settlement(key, Outcome.SUCCESS, None, NOW) for key in keys])


@pytest.mark.parametrize("common", [[0], [20], [44, 3, 7]])
async def test_every_record_is_settled_beside_another_settlement_of_some(server: Server, common: list[int]) -> None:
    for _ in range(ROUNDS):
        batch, keys = await make_batch(server, ends=AHEAD)
        await server.beside(succeeded([keys[i] for i in common]), succeeded(keys))
        assert await outcomes(server, batch) == {"success": ROWS}


async def test_every_record_is_withdrawn_beside_a_settlement_of_some(server: Server) -> None:
    for _ in range(ROUNDS):
        batch, keys = await make_batch(server, ends=AHEAD)
        await server.beside(succeeded(keys[:2]), lambda tx, batch=batch: batch_queries.withdraw_batch(tx, batch, NOW))
        assert await outcomes(server, batch) == {"success": 2, "failed_to_push": ROWS - 2}
        async with server.connection() as tx:
            assert len(await batch_queries.withdrawn_of(tx, batch, NOW)) == ROWS


async def test_every_record_is_swept_beside_a_settlement_of_some(server: Server) -> None:
    for _ in range(ROUNDS):
        batch, keys = await make_batch(server, ends=PAST)
        open_batch = OpenBatch(batch.id, batch.ends_from, ROWS)
        await server.beside(
            succeeded(keys[:2]), lambda tx, found=open_batch: sweep_queries.fail_ended_of(tx, [found], NOW)
        )
        assert await outcomes(server, batch) == {"success": 2, "failed_to_push": ROWS - 2}


async def test_records_that_move_to_the_partition_of_their_day_meanwhile_are_settled_all_the_same(
    server: Server,
) -> None:
    day = NOW + timedelta(days=300)
    batch, keys = await make_batch(server, ends=[day - NOW, day - NOW + timedelta(minutes=1)])

    async def make_day(tx: Tx) -> None:
        await tx.execute("CREATE TABLE call_record_moved (LIKE call_record INCLUDING ALL)")
        await tx.execute(
            "WITH moved AS (DELETE FROM call_record_rest WHERE ends_at >= $1 RETURNING *)"
            " INSERT INTO call_record_moved SELECT * FROM moved",
            day,
        )
        bounds = own_names(f"FROM ('{day.isoformat()}') TO ('{(day + timedelta(days=1)).isoformat()}')")
        await tx.execute(f"ALTER TABLE call_record ATTACH PARTITION call_record_moved FOR VALUES {bounds}")

    await server.beside(make_day, succeeded(keys))
    assert await outcomes(server, batch) == {"success": ROWS}


async def test_a_batch_ends_with_its_record_and_not_before(server: Server) -> None:
    batch, keys = await make_batch(server, ends=AHEAD, due_at=NOW)
    strange = RecordKey(keys[0].receiver_number, keys[0].ends_at, RecordId(new_id()))

    async def due() -> bool:
        async with server.connection() as tx:
            return await tx.fetchval("SELECT due_at IS NOT NULL FROM batch WHERE id = $1", batch.id)

    async with server.connection() as tx:
        await queries.settle(tx, [Settlement(strange, Outcome.SUCCESS, None, NOW, batch.id)])
        assert await due()
        await queries.settle(tx, [Settlement(keys[0], Outcome.SUCCESS, None, NOW, batch.id)])
        assert not await due()


# deliveries ----------------------------------------------------------------------------------------------------------


TYPES = frozenset(EventType)


async def make_deliveries(server: Server, webhook_id: WebhookId, state: DeliveryState) -> list[DueDelivery]:
    to = Configuration(webhook_id, ACCOUNT, "hook", "https://example.com", Secrets(b""), *(True, True, False), TYPES)
    found = [
        DueDelivery(DeliveryId(new_id()), NOW - timedelta(hours=i % 30), EventId(new_id()), 0, 0, b"{}", to)
        for i in range(ROWS)
    ]
    ended_at = NOW if state is DeliveryState.FAILED else None
    async with server.connection() as tx:
        for i, due in enumerate(found):
            await tx.execute(
                "INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, event_number, created_at,"
                " state, ended_at) VALUES ($1, $2, $3, $4, 'cmb', $5, $6, $7, $8)",
                *(due.delivery_id, ACCOUNT, webhook_id, due.event_id, i, due.created_at, state.value, ended_at),
            )
            if not ended_at:
                await tx.execute(
                    "INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number,"
                    " attempt_count, body) VALUES ($1, $2, $3, $3, $4, $5, 0, '{}')",
                    *(due.delivery_id, webhook_id, due.created_at, due.event_id, i),
                )
    return found


async def states(server: Server, webhook_id: WebhookId) -> dict[str, int]:
    async with server.connection() as tx:
        rows = await tx.fetch("SELECT state, count(*) AS n FROM delivery WHERE webhook_id = $1 GROUP BY 1", webhook_id)
    return {row["state"]: row["n"] for row in rows}


def touch(deliveries: Sequence[DueDelivery]) -> Write:
    return lambda tx: tx.execute(
        "UPDATE delivery SET mailed_at = $2 WHERE id = ANY ($1::uuid[])", [due.delivery_id for due in deliveries], NOW
    )


def delivered(due: DueDelivery) -> EndedAttempt:
    attempt = Attempt(new_id(), 1, NOW, 5, "https://example.com", "", 200, "", b"", None)
    return EndedAttempt(due, attempt, Verdict(DeliveryState.SUCCESS, None), NOW)


async def test_every_delivery_moves_on_beside_another_change_of_some(server: Server) -> None:
    for _ in range(ROUNDS):
        webhook_id = WebhookId(new_id())
        deliveries = await make_deliveries(server, webhook_id, DeliveryState.PENDING)
        ended = [delivered(due) for due in deliveries]
        await server.beside(touch(deliveries[:2]), lambda tx, ended=ended: recording.record(tx, ended))
        assert await states(server, webhook_id) == {"success": ROWS}


async def test_every_failed_delivery_is_recovered_beside_another_change_of_some(server: Server) -> None:
    for _ in range(ROUNDS):
        webhook_id = WebhookId(new_id())
        deliveries = await make_deliveries(server, webhook_id, DeliveryState.FAILED)

        async def recover(tx: Tx, webhook_id: WebhookId = webhook_id) -> None:
            after = NOW - timedelta(days=3), delivery_queries.NO_ID
            found = await delivery_queries.lock_recoverable(tx, webhook_id, after, NOW, TYPES, STORED)
            assert await delivery_queries.reopen(tx, found, NOW) == ROWS

        await server.beside(touch(deliveries[:2]), recover)
        assert await states(server, webhook_id) == {"pending": ROWS}


async def test_a_webhook_that_is_given_back_meanwhile_is_due_by_the_new_event(server: Server) -> None:
    for _ in range(ROUNDS):
        held, account_id = HeldWebhook(WebhookId(new_id()), new_id()), AccountId(new_id())
        async with server.connection() as tx:
            await tx.execute(LEASED, account_id, held.webhook_id, held.lease_id, NOW - timedelta(hours=1))
        await server.beside(
            lambda tx, held=held: dispatch_queries.give_back(tx, [(held, NOW)]),
            lambda tx, account=account_id: events.append(tx, account, EventType.CALL_ME_BACK, {}, NOW),
        )
        async with server.connection() as tx:
            due_at = "SELECT due_at FROM webhook_queue WHERE webhook_id = $1 AND lease_id IS NULL"
            assert await tx.fetchval(due_at, held.webhook_id) == NOW
            waiting = "SELECT count(*) FROM waiting_delivery WHERE webhook_id = $1"
            assert await tx.fetchval(waiting, held.webhook_id) == 1
