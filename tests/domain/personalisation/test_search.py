from datetime import timedelta

from msgspec.structs import replace
from tests.domain.personalisation.counted_calls import submit
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId, RecordId
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.search import service as search
from callmark.domain.personalisation.search.service import BatchFilter, FoundRecords, RecordFilter, RecordPosition
from callmark.kit.phone import PhoneNumber


async def walk(deps: Deps, account: AccountId, wanted: RecordFilter) -> list[tuple[BatchId, int]]:
    """Every page of a search, joined."""
    found: list[tuple[BatchId, int]] = []
    after: RecordPosition | None = None
    while True:
        page: FoundRecords = await search.find_records(deps, account, wanted, after)
        assert len(page.records) <= search.PAGE
        found += [(record.batch_id, record.position) for record in page.records]
        if page.next is None:
            return found
        after = page.next


async def test_pages_of_records_are_the_batches_from_the_newest_each_record_once(deps: Deps) -> None:
    cast = await make_cast(deps)
    batches = [await submit(deps, cast, 1, bad=count) for count in (0, 120, 49, 0, 50, 0, 149)]
    found = await walk(deps, cast.account.id, RecordFilter())
    expected = [(batch.id, at) for batch in reversed(batches) for at in range(batch.record_count)]
    assert found == expected
    good = await walk(deps, cast.account.id, RecordFilter(outcome=Outcome.PENDING))
    assert good == [(batch.id, 0) for batch in reversed(batches)]
    own = await walk(deps, cast.account.id, RecordFilter(caller=PhoneNumber("918040001234")))
    assert own == good


async def test_every_filter_holds_however_a_record_is_found(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast)
    (record,) = (await search.find_records(deps, cast.account.id, RecordFilter(id_part=str(batch.id)), None)).records
    whole, receiver = str(record.key.id), record.key.receiver_number
    ways = [RecordFilter(id_part=part) for part in (whole, whole[:20], str(batch.id))]
    for way in [*ways, RecordFilter(receiver=receiver), RecordFilter(receiver_prefix=receiver[:8])]:
        for fits in (
            replace(way, receiver=receiver),
            replace(way, caller=PhoneNumber("918040001234"), outcome=Outcome.PENDING),
            replace(way, caller_prefix="918040001234", since=record.accepted_at),
        ):
            assert await walk(deps, cast.account.id, fits) == [(batch.id, 0)]
        for fits_not in (
            replace(way, receiver=PhoneNumber("919900000001")),
            replace(way, caller=PhoneNumber("918040001235")),
            replace(way, outcome=Outcome.SUCCESS),
            replace(way, caller_prefix="918040001235"),
            replace(way, since=record.accepted_at + timedelta(seconds=1)),
        ):
            assert await walk(deps, cast.account.id, fits_not) == []
    for way in ways:
        assert await walk(deps, cast.account.id, replace(way, receiver_prefix="91000")) == []


async def test_records_since_a_day_are_those_of_batches_accepted_since(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    old = await submit(deps, cast, 3)
    clock.advance(timedelta(hours=3))
    since = clock.now()
    new = [await submit(deps, cast, 0, bad=60), await submit(deps, cast, 2)]
    assert len(await walk(deps, cast.account.id, RecordFilter())) == 65
    expected = [(batch.id, at) for batch in reversed(new) for at in range(batch.record_count)]
    assert await walk(deps, cast.account.id, RecordFilter(since=since)) == expected
    pending = RecordFilter(outcome=Outcome.PENDING, since=since)
    assert await walk(deps, cast.account.id, pending) == [(new[1].id, 0), (new[1].id, 1)]
    assert await walk(deps, cast.account.id, RecordFilter(since=since + timedelta(hours=1))) == []
    for batch, found in ((old, False), (new[1], True)):
        record = (await search.find_records(deps, cast.account.id, RecordFilter(id_part=str(batch.id)), None)).records[
            0
        ]
        for wanted in (RecordFilter(record.key.receiver_number), RecordFilter(id_part=str(record.key.id))):
            assert await walk(deps, cast.account.id, wanted)
            assert bool(await walk(deps, cast.account.id, replace(wanted, since=since))) is found


async def test_a_receivers_records_are_found_whatever_the_caller_and_only_the_accounts_own(deps: Deps) -> None:
    cast, charlie = await make_cast(deps), await make_cast(deps)
    await submit(deps, cast, 60)
    (first, *_) = (await search.find_records(deps, cast.account.id, RecordFilter(), None)).records
    receiver = first.key.receiver_number
    one = await search.find_records(deps, cast.account.id, RecordFilter(receiver), None)
    rest = await search.find_records(deps, cast.account.id, RecordFilter(receiver), one.next)
    ids: set[RecordId] = {record.key.id for record in [*one.records, *rest.records]}
    assert (len(one.records), len(rest.records), len(ids)) == (50, 10, 60)
    assert (await search.find_records(deps, charlie.account.id, RecordFilter(receiver), None)).records == []
    other = RecordFilter(receiver, PhoneNumber("919999999999"))
    assert (await search.find_records(deps, cast.account.id, other, None)).records == []


async def test_a_long_walk_in_vain_says_how_far_back_it_has_looked(deps: Deps) -> None:
    cast = await make_cast(deps)
    wanted = await submit(deps, cast, 1)
    for _ in range(21):
        await submit(deps, cast, 0, bad=500)
    page = await search.find_records(deps, cast.account.id, RecordFilter(outcome=Outcome.PENDING), None)
    assert page.records == []
    assert page.back_to is not None
    page = await search.find_records(deps, cast.account.id, RecordFilter(outcome=Outcome.PENDING), page.next)
    assert [record.batch_id for record in page.records] == [wanted.id]
    assert page.next is None


async def test_batches_are_listed_newest_first_by_state_with_their_outcomes(deps: Deps) -> None:
    cast = await make_cast(deps)
    for count in range(search.BATCH_PAGE + 2):
        await submit(deps, cast, count % 2, bad=1)
    first = await search.list_batches(deps, cast.account.id, BatchFilter(), None)
    rest = await search.list_batches(deps, cast.account.id, BatchFilter(), first.next)
    assert (len(first.batches), len(rest.batches), rest.next) == (search.BATCH_PAGE, 2, None)
    assert first.batches[1].outcomes == {Outcome.PENDING: 1, Outcome.INVALID: 1}
    done = await search.list_batches(deps, cast.account.id, BatchFilter(is_done=True), None)
    assert {len(one.outcomes) for one in done.batches} == {1}
    working = await search.list_batches(deps, cast.account.id, BatchFilter(is_done=False), None)
    assert len(working.batches) + len(done.batches) == search.BATCH_PAGE + 2


LATER_BATCHES = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to)
SELECT gen_random_uuid(), $1, $2::timestamptz + n * interval '1 s', 1, $2, $2 FROM generate_series(1, 20000) n
"""


async def test_a_batch_far_back_is_found_by_its_id_by_its_state_and_by_a_part_of_its_id_page_by_page(
    deps: Deps,
) -> None:
    cast, charlie = await make_cast(deps), await make_cast(deps)
    wanted = await submit(deps, cast, 1)
    async with deps.db.connection() as tx:
        await tx.execute(LATER_BATCHES, cast.account.id, wanted.accepted_at)

    async def found(by: BatchFilter) -> list[BatchId]:
        page = await search.list_batches(deps, cast.account.id, by, None)
        assert (page.next, page.back_to) == (None, None)
        return [one.batch.id for one in page.batches]

    whole, part = str(wanted.id), str(wanted.id)[-12:]
    assert await found(BatchFilter(id_part=whole)) == [wanted.id]
    assert await found(BatchFilter(is_done=False)) == [wanted.id]
    assert await found(BatchFilter(id_part=whole, is_done=True)) == []
    assert await found(BatchFilter(id_part=whole, until=wanted.accepted_at)) == []
    assert await found(BatchFilter(id_part=part, until=wanted.accepted_at + timedelta(seconds=1))) == [wanted.id]
    assert (await search.list_batches(deps, charlie.account.id, BatchFilter(id_part=whole), None)).batches == []
    page = await search.list_batches(deps, cast.account.id, BatchFilter(id_part=part), None)
    assert (page.batches, page.back_to) == ([], wanted.accepted_at + timedelta(seconds=1))
    page = await search.list_batches(deps, cast.account.id, BatchFilter(id_part=part), page.next)
    assert ([one.batch.id for one in page.batches], page.back_to) == ([wanted.id], None)
