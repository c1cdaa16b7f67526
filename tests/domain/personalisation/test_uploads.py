import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.factories import Cast, make_cast, phone

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service, uploads
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.upload_model import MOST_ROWS, Defaults, Upload, read_instant, read_sheet
from callmark.kit.due_work import Worker
from callmark.kit.errors import InvalidInput, NotFound


async def take(deps: Deps, cast: Cast, text: str, *, region: str = "") -> Upload:
    """An upload whose window and label are the form's."""
    now = deps.clock.now()
    defaults = Defaults(
        caller="+91 80 4000 1234",
        label_id=str(cast.label.id),
        starts_at=now,
        lasts=timedelta(hours=1),
        labels={"acme deliveries": str(cast.label.id)},
    )
    return await uploads.submit_upload(
        deps,
        cast.account.id,
        file=text.encode(),
        file_name="sheet.csv",
        region=region,
        defaults=defaults,
        created_by_email="alice@acme.example",
    )


async def run(deps: Deps) -> int:
    """Submits what is due."""
    return await Worker(deps.db, deps.fabric, deps.clock, deps.real_clock).run_due(uploads.uploads(deps))


@pytest.fixture
async def nothing_is_due(deps: Deps) -> None:
    """What other tests of this database left due is submitted, whatever their clock said."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE upload SET due_at = NULL, lease_id = NULL, leased_until = NULL")


async def outcomes(deps: Deps, cast: Cast, upload: Upload) -> list[tuple[int, str]]:
    """Each row's line and its record's outcome or fault."""
    found: list[tuple[int, str]] = []
    async for results in uploads.each_result(deps, cast.account.id, upload.id):
        found += [
            (one.row.line, "" if one.record is None else one.record.fault or one.record.outcome) for one in results
        ]
    return found


@pytest.mark.usefixtures("nothing_is_due")
async def test_each_row_is_judged_by_itself_and_told_by_its_line(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = (
        "Phone;Label;Call Reason;Notes\n"
        "+91 99001 12233;Acme Deliveries;Your parcel arrives today;x\n"
        "\n"
        "nonsense;;Your parcel arrives today;\n"
        "9900112244;;Sale!\n"
        "(0) 99001-12255;;;\n"
    )
    upload = await take(deps, cast, text, region="in")
    assert await outcomes(deps, cast, upload) == [(2, ""), (4, ""), (5, ""), (6, "")]
    assert await run(deps) == 1
    assert await outcomes(deps, cast, upload) == [(2, "pending"), (4, "phone"), (5, "reason_length"), (6, "pending")]
    progress = await uploads.read_progress(deps, cast.account.id, upload.id)
    assert (progress.upload.submitted_count, progress.settled, progress.is_done) == (4, 2, False)
    assert [one.row.line for one in await uploads.first_faulty(deps, cast.account.id, upload.id, 1)] == [4]


async def test_a_file_becomes_batches_of_five_hundred_and_no_row_is_submitted_twice(deps: Deps) -> None:
    cast = await make_cast(deps)
    numbers = [phone() for _ in range(1_100)]
    upload = await take(deps, cast, "receiver\n" + "\n".join(numbers))
    await run(deps)
    async with deps.db.connection() as tx:  # a worker that died before it gave the row back
        await tx.execute("UPDATE upload SET due_at = created_at WHERE id = $1", upload.id)
    await run(deps)
    batches = await uploads.batches_of(deps, cast.account.id, upload.id)
    records = [record for one in batches for record in await service.batch_status(deps, cast.account.id, one)]
    assert [record.key.receiver_number for record in records] == numbers
    assert len(batches) == 3
    assert {record.outcome for record in records} == {Outcome.PENDING}


@pytest.mark.usefixtures("nothing_is_due")
async def test_two_workers_at_the_same_upload_leave_one_batch_for_each_part(deps: Deps) -> None:
    cast = await make_cast(deps)
    upload = await take(deps, cast, "receiver\n" + "\n".join(phone() for _ in range(600)))
    work = uploads.uploads(deps)
    (claimed,) = await Worker(deps.db, deps.fabric, deps.clock, deps.real_clock).claim(work, 1)
    await asyncio.gather(*(work.run(claimed) for _ in range(4)))  # the lease of a slow worker has run out
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM batch WHERE account_id = $1", cast.account.id) == 2
        assert await tx.fetchval("SELECT count(*) FROM call_record WHERE account_id = $1", cast.account.id) == 600
    assert (await uploads.read_progress(deps, cast.account.id, upload.id)).upload.submitted_count == 600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must name the columns"),
        ("a,b\n1,2\n", "must name the columns"),
        ("receiver\n\n", "no records"),
        ("receiver\n" + "919900112233\n" * (MOST_ROWS + 1), "at most 50,000"),
        ("PK\x03\x04\0\0", "not a text file"),
        ('receiver\n"' + "x" * 200_000 + '"\n', "not a CSV"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_whole(deps: Deps, text: str, said: str) -> None:
    cast = await make_cast(deps)
    with pytest.raises(InvalidInput, match=said) as refused:
        await take(deps, cast, text)
    assert refused.value.field == "file"
    assert await uploads.list_uploads(deps, cast.account.id, None) == []


async def test_another_accounts_upload_is_like_none(deps: Deps) -> None:
    cast, charlie = await make_cast(deps), await make_cast(deps)
    upload = await take(deps, cast, f"receiver\n{phone()}\n")
    with pytest.raises(NotFound):
        await uploads.read_progress(deps, charlie.account.id, upload.id)


async def test_a_window_that_a_file_begins_and_does_not_end_lasts_as_the_form_says(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = f"to,start,end\n{phone()},2026-01-01T18:00,\n{phone()},,2026-01-01T10:30\n{phone()},soon,\n"
    upload = await take(deps, cast, text)
    await run(deps)
    (batch,) = await uploads.batches_of(deps, cast.account.id, upload.id)
    first, second, third = await service.batch_status(deps, cast.account.id, batch)
    assert (first.starts_at, first.key.ends_at) == tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (18, 19))
    assert (second.starts_at, second.key.ends_at) == (deps.clock.now(), datetime(2026, 1, 1, 10, 30, tzinfo=UTC))
    assert (third.fault_field, third.fault) == ("starts_at", "invalid")


def test_columns_go_by_the_wires_names_and_by_those_people_use() -> None:
    sheet = read_sheet("\ufeffCaller ID\tTo\tdynamic-label name\tvalid until\tZip\n1\t2\t3\t4\t5\n")
    assert sheet.rows[0].values == ["1", "2", "", "3", "", "", "4"]
    assert sheet.unknown == ["Zip"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1767261600000", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T15:30:00+05:30", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01 10:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10:00Z", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("17672616", None),
        ("0001-01-01T00:00", None),
        ("tomorrow", None),
        ("9" * 40, None),
    ],
)
def test_times_are_read_as_iso_or_as_milliseconds(text: str, instant: datetime | None) -> None:
    assert read_instant(text, UTC) == instant
