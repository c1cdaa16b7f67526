"""Pages of several handsets' records, read in one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tests.domain.personalisation.accepted_batches import submit
from tests.domain.personalisation.full_day import fill_day, rows_read
from tests.domain.personalisation.submitting import new_record
from tests.support.factories import make_cast, phone

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation import handset_queries, service
from callmark.domain.personalisation.handset_queries import HeldRecords, WantedPage
from callmark.domain.personalisation.model import OpenRecord
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.kit.postgres.database import DatabaseConnection

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
HOUR = timedelta(hours=1)


async def test_each_handset_gets_its_own_page(deps: Deps) -> None:
    cast, now = await make_cast(deps), deps.clock.now()
    many, few, none = phone(), phone(), phone()
    windows = [(many, 2), (few, 6), (many, 1), (few, 5), (many, 4), (many, 3)]
    await submit(
        deps,
        cast,
        [new_record(deps, cast, receiver=who, ends_at=to_ms(now + hours * HOUR)) for who, hours in windows],
    )
    asked = [
        WantedPage(many, now, (now, FIRST), 2),
        WantedPage(none, now, (now, FIRST), 200),
        WantedPage(few, now, (now, FIRST), 200),
        WantedPage(many, now, (now + 2 * HOUR, LAST), 200),
        WantedPage(many, now + 3 * HOUR, (now, FIRST), 200),
    ]
    async with deps.db.connection() as tx:
        pages = await handset_queries.page_each(tx, asked)
    assert [_hours(page, now) for page in pages] == [[1, 2], [], [5, 6], [3, 4], [4]]


async def test_each_handset_is_told_what_is_withdrawn_of_what_it_holds(deps: Deps) -> None:
    cast, now = await make_cast(deps), deps.clock.now()
    one, other = phone(), phone()
    batch = await submit(deps, cast, [new_record(deps, cast, receiver=who) for who in (one, one, one, other, other)])
    keys = [record.key for record in await service.records_of_batch(deps, batch.id, cast.account.id)]
    for withdrawn in (keys[0], keys[1], keys[3]):
        await service.withdraw_record(deps, cast.account.id, withdrawn.id, by=SYSTEM)
    ids = [key.id for key in keys]
    asked = [
        HeldRecords(one, now, [ids[0], ids[2], ids[3]]),
        HeldRecords(other, now, [ids[4]]),
        HeldRecords(other, now, ids),
        HeldRecords(one, keys[0].ends_at, ids),
    ]
    async with deps.db.connection() as tx:
        told = await handset_queries.withdrawn_each(tx, asked)
    assert told == [[keys[0]], [], [keys[3]], []]


async def test_what_is_withdrawn_comes_in_pages_of_each_handset(deps: Deps) -> None:
    cast, other, now = await make_cast(deps), await make_cast(deps), deps.clock.now()
    one, two = phone(), phone()
    windows = [(one, 1), (one, 2), (two, 1), (one, 3), (one, 4)]
    sent = [new_record(deps, cast, receiver=who, ends_at=to_ms(now + hours * HOUR)) for who, hours in windows]
    batch = await submit(deps, cast, sent)
    first, shown, *rest = [record.key for record in await service.records_of_batch(deps, batch.id, cast.account.id)]
    for withdrawn in (first, *rest):
        await service.withdraw_record(deps, cast.account.id, withdrawn.id, by=SYSTEM)
    late = new_record(deps, other, receiver=two, ends_at=to_ms(now + 2 * HOUR))
    suspended = await submit(deps, other, [late, late._replace(caller="nobody")])
    held_up, _ = [record.key for record in await service.records_of_batch(deps, suspended.id, other.account.id)]
    await accounts.update_account(deps, other.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    asked = [
        WantedPage(one, now, (now, FIRST), 2),
        WantedPage(one, now, (rest[1].ends_at, rest[1].id), 2),
        WantedPage(two, now, (now, FIRST), 200),
        WantedPage(one, now + 3 * HOUR, (now, FIRST), 200),
        WantedPage(phone(), now, (now, FIRST), 200),
    ]
    async with deps.db.connection() as tx:
        pages = await handset_queries.withdrawn_page_each(tx, asked)
    assert pages == [[first, rest[1]], [rest[2]], [rest[0], held_up], [rest[2]], []]
    assert shown not in pages[0]


async def test_a_sync_reads_no_records_of_others(deps: Deps) -> None:
    cast, now, receiver = await make_cast(deps), deps.clock.now(), phone()
    await fill_day(deps, cast)
    batch = await submit(deps, cast, [new_record(deps, cast, receiver=receiver) for _ in range(2)])
    shown, withdrawn = [record.key for record in await service.records_of_batch(deps, batch.id, cast.account.id)]
    await service.withdraw_record(deps, cast.account.id, withdrawn.id, by=SYSTEM)
    held = HeldRecords(receiver, now, [shown.id, withdrawn.id, *(random_uuid() for _ in range(200))])
    wanted = WantedPage(receiver, now, (now, FIRST), 200)

    async def read_in_passing(tx: DatabaseConnection, asked: Sequence[tuple[WantedPage, HeldRecords]]) -> list[int]:
        async with tx.transaction():
            before = await rows_read(tx)
            assert [page[0].key for page in await handset_queries.page_each(tx, [one for one, _ in asked])] == [shown]
            assert await handset_queries.withdrawn_each(tx, [one for _, one in asked]) == [[withdrawn]]
            assert await handset_queries.withdrawn_page_each(tx, [one for one, _ in asked]) == [[withdrawn]]
            return [await rows_read(tx) - before]

    for _ in range(8):  # from the sixth on, with plans that are kept
        (rows,) = await deps.gather(read_in_passing, [(wanted, held)])
        assert rows < 50


def _hours(page: list[OpenRecord], now: datetime) -> list[int]:
    return [(record.key.ends_at - now) // HOUR for record in page]
