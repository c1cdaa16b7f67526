"""Batches of unrelated requests that are written in one transaction, and what is left to push of several at once."""

import asyncio
from collections.abc import Sequence

from tests.domain.personalisation.accepted_batches import submit
from tests.domain.personalisation.full_day import fill_day, rows_read
from tests.domain.personalisation.submitting import new_record
from tests.support.factories import Sent, make_cast, submit_batch

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation import accepting, pushing_queries, service
from callmark.domain.personalisation.accepting import SMALL, Submitted
from callmark.domain.personalisation.model import Batch
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.postgres.database import DatabaseConnection
from callmark.record_rules.fields import Fault


class Unreadable(Exception):
    """A batch whose bad record cannot be shown."""


async def stored(deps: Deps, batch: Batch) -> list[tuple[str, str | None, str | None]]:
    """Receiver, label and fault of each record, in the order of submission."""
    records = await service.records_of_batch(deps, batch.id, batch.account_id)
    return [(one.key.receiver_number, one.label_name, one.fault) for one in records]


async def transactions(deps: Deps) -> int:
    async with deps.db.connection() as tx:
        return len({row[0] for row in await tx.fetch("SELECT xmin::text FROM batch")})


async def test_batches_of_one_moment_share_a_transaction_and_nothing_else(deps: Deps) -> None:
    acme, globex = await make_cast(deps), await make_cast(deps)
    first = [new_record(deps, acme), new_record(deps, acme, label_name="Acme Repairs")]
    second = [new_record(deps, globex), new_record(deps, globex, label_id=str(acme.label.id))]
    third = [new_record(deps, globex, label_id=None, label_name="Globex") for _ in range(SMALL)]
    await submit(deps, acme, [new_record(deps, acme)])  # alone
    batches = await asyncio.gather(*(submit(deps, *one) for one in ((acme, first), (globex, second), (globex, third))))
    assert [batch.account_id for batch in batches] == [acme.account.id, globex.account.id, globex.account.id]
    assert await stored(deps, batches[0]) == [
        (first[0].receiver, acme.label.name, None),
        (first[1].receiver, "Acme Repairs", None),
    ]
    assert await stored(deps, batches[1]) == [
        (second[0].receiver, globex.label.name, None),
        ("", None, Fault.LABEL),  # another account's
    ]
    assert await stored(deps, batches[2]) == [(one.receiver, "Globex", None) for one in third]
    assert await transactions(deps) < 4


async def test_a_large_batch_is_written_alone(deps: Deps) -> None:
    cast = await make_cast(deps)
    large = [new_record(deps, cast) for _ in range(SMALL + 1)]
    batches = await asyncio.gather(submit(deps, cast, large), submit(deps, cast, large))
    assert [len(await stored(deps, batch)) for batch in batches] == [SMALL + 1] * 2
    assert await transactions(deps) == 2


async def test_a_batch_that_cannot_be_written_spoils_no_other(deps: Deps) -> None:
    cast = await make_cast(deps)

    def unreadable(_: int) -> bytes:
        raise Unreadable

    spoilt = Submitted([new_record(deps, cast, receiver="nobody")], unreadable)
    answers = await asyncio.gather(
        submit(deps, cast, [new_record(deps, cast)]),
        accepting.submit_batch(deps, cast.account.id, V2, spoilt),
        submit(deps, cast, [new_record(deps, cast)]),
        return_exceptions=True,
    )
    first, failed, last = answers
    assert isinstance(failed, Unreadable)
    assert isinstance(first, Batch)
    assert isinstance(last, Batch)
    assert [len(await stored(deps, batch)) for batch in (first, last)] == [1, 1]
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM batch") == 2


async def test_what_is_left_to_push_is_told_for_each_of_several_batches(deps: Deps) -> None:
    active, suspended = await make_cast(deps), await make_cast(deps)
    records = [new_record(deps, active) for _ in range(3)]
    tomorrow = to_ms(deps.clock.now()) + 86_400_000
    later = [one._replace(ends_at=tomorrow) for one in records]  # in another partition
    batches = [
        await submit_batch(deps, cast.account.id, V2, [Sent(one, lambda: b"{}") for one in some])
        for cast, some in ((active, records), (suspended, [new_record(deps, suspended)]), (active, later))
    ]
    done, *_ = await service.records_of_batch(deps, batches[0].id, active.account.id)
    await service.acknowledge(deps, [done.key])
    await accounts.update_account(deps, suspended.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    found = await deps.gather(pushing_queries.to_push, batches)
    assert [one.is_suspended for one in found] == [False, True, False]
    pending = [[record.key.receiver_number for record, _ in one.pending] for one in found]
    assert pending == [[one.receiver for one in records[1:]], [], [one.receiver for one in later]]
    pushed = await deps.gather(pushing_queries.look_again, batches)
    assert [(one.is_suspended, one.is_done) for one in pushed] == [(False, False), (True, False), (False, False)]


async def test_a_worker_finds_the_records_of_a_small_batch_beside_a_large_one(deps: Deps) -> None:
    """Statistics that know one batch alone make a plan for as many records in every batch."""
    cast = await make_cast(deps)
    await fill_day(deps, cast)
    batch = await submit(deps, cast, [new_record(deps, cast)])

    async def read_in_passing(tx: DatabaseConnection, batches: Sequence[Batch]) -> list[int]:
        async with tx.transaction():
            before = await rows_read(tx)
            (found,) = await pushing_queries.to_push(tx, batches)
            await pushing_queries.look_again(tx, batches)
            assert len(found.pending) == 1
            return [await rows_read(tx) - before]

    (rows,) = await deps.gather(read_in_passing, [batch])
    assert rows < 10


async def test_a_forgotten_batch_is_done(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, [new_record(deps, cast)])
    async with deps.db.transaction() as tx:
        await tx.execute("DELETE FROM call_record")
        await tx.execute("DELETE FROM batch")
    (pushed,) = await deps.gather(pushing_queries.look_again, [batch])
    assert pushed.is_done
    assert not pushed.has_withdrawals
