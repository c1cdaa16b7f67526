"""Pages of several handsets' records, read in one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tests.domain.personalisation.test_accepting import submit
from tests.domain.personalisation.test_service import new_record
from tests.factories import make_cast, phone

from callmark.domain.deps import Deps
from callmark.domain.personalisation import handset_queries, service
from callmark.domain.personalisation.handset_queries import HeldRecords, WantedPage
from callmark.domain.personalisation.model import OpenRecord
from callmark.domain.policy.model import SYSTEM
from callmark.kit.clock import to_ms
from callmark.kit.db import DatabaseConnection

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
    keys = [record.key for record in await service.batch_status(deps, cast.account.id, batch.id)]
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


async def test_a_page_reads_no_records_of_others(deps: Deps) -> None:
    cast, now, receiver = await make_cast(deps), deps.clock.now(), phone()
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number,"
            " label_id, label_name, starts_at, accepted_at, outcome, settled_at)"
            " SELECT '9198' || n, $1, gen_random_uuid(), $2, $2, 0, '918040001234', $3, 'Acme', $1, $1, 'success', $1"
            " FROM generate_series(10000000, 10020000) n",
            *(now + HOUR, cast.account.id, cast.label.id),
        )
        await tx.execute("ANALYZE call_record")
    await submit(deps, cast, [new_record(deps, cast, receiver=receiver)])

    async def read_in_passing(tx: DatabaseConnection, asked: Sequence[WantedPage]) -> list[tuple[int, int]]:
        async with tx.transaction():
            (page,) = await handset_queries.page_each(tx, asked)
            read = "SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables WHERE relname ~ $1"
            return [(len(page), await tx.fetchval(read, "^call_record"))]

    for _ in range(8):  # from the sixth on, a plan that is kept
        ((shown, rows),) = await deps.gather(read_in_passing, [WantedPage(receiver, now, (now, FIRST), 200)])
        assert shown == 1
        assert rows < 20  # those of the turns before may still be counted


def _hours(page: list[OpenRecord], now: datetime) -> list[int]:
    return [(record.key.ends_at - now) // HOUR for record in page]
