import asyncio
import tracemalloc
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.domain.personalisation.taken_uploads import look, run, take
from tests.support.cases import each
from tests.support.factories import Cast, make_cast, phone
from tests.support.workbooks import book

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.uploads import jobs, service as uploads
from callmark.domain.personalisation.uploads.columns import find_columns, read_file, rows_of
from callmark.domain.personalisation.uploads.model import (
    MOST_ROWS,
    RowDefaults,
    RowTexts,
    Upload,
    UploadRow,
    as_kept,
    as_record,
    filled,
)
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.worker import Worker
from callmark.record_rules.columns import COLUMNS, unused_columns
from callmark.record_rules.fields import Field
from callmark.tables.reader import ABOVE, Reading


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
async def test_each_row_is_validated_by_itself_and_told_by_its_line(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = (
        "Phone;Label;Call Reason;Notes\n"
        "+91 99001 12233;Acme Deliveries;Your parcel arrives today;x\n"
        "\n"
        "nonsense;;Your parcel arrives today;\n"
        "9900112244;;Sale!\n"
        "(0) 99001-12255;;;\n"
    )
    upload = await take(deps, cast, text, region="IN")
    assert await outcomes(deps, cast, upload) == [(2, ""), (4, ""), (5, ""), (6, "")]
    assert await run(deps) == 1
    assert await outcomes(deps, cast, upload) == [(2, "pending"), (4, "phone"), (5, "reason_length"), (6, "pending")]
    progress = await uploads.read_progress(deps, cast.account.id, upload.id)
    assert (progress.upload.submitted_count, progress.settled, progress.is_done) == (4, 2, False)
    assert [one.row.line for one in await uploads.first_faulty(deps, cast.account.id, upload.id, 1)] == [4]


async def test_a_refused_record_is_kept_as_the_file_has_it(deps: Deps) -> None:
    cast = await make_cast(deps)
    upload = await take(deps, cast, f"receiver,reason\n+{phone()},#N/A\n")
    await run(deps)
    (batch_id,) = await uploads.batches_of(deps, cast.account.id, upload.id)
    (record,) = await service.records_of_batch(deps, batch_id, cast.account.id)
    assert bytes(record.sent[Field.CALL_REASON]) == b'"#N/A"'


async def test_a_file_becomes_batches_of_five_hundred_and_no_row_is_submitted_twice(deps: Deps) -> None:
    cast = await make_cast(deps)
    numbers = [phone() for _ in range(1_100)]
    upload = await take(deps, cast, "receiver\n" + "\n".join(numbers))
    await run(deps)
    async with deps.db.connection() as tx:  # a worker that died before it gave the row back
        await tx.execute("UPDATE upload SET due_at = created_at WHERE id = $1", upload.id)
    await run(deps)
    batches = await uploads.batches_of(deps, cast.account.id, upload.id)
    records = [record for one in batches for record in await service.records_of_batch(deps, one, cast.account.id)]
    assert [record.key.receiver_number for record in records] == numbers
    assert len(batches) == 3
    assert {record.outcome for record in records} == {Outcome.PENDING}


@pytest.mark.usefixtures("nothing_is_due")
async def test_two_workers_at_the_same_upload_leave_one_batch_for_each_part(deps: Deps) -> None:
    cast = await make_cast(deps)
    upload = await take(deps, cast, "receiver\n" + "\n".join(phone() for _ in range(600)))
    work = jobs.uploads(deps)
    (claimed,) = await Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).claim(work, 1)
    await asyncio.gather(*(work.run(claimed) for _ in range(4)))  # the lease of a slow worker has run out
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM batch WHERE account_id = $1", cast.account.id) == 2
        assert await tx.fetchval("SELECT count(*) FROM call_record WHERE account_id = $1", cast.account.id) == 600
    assert (await uploads.read_progress(deps, cast.account.id, upload.id)).upload.submitted_count == 600


UNREADABLE = [
    ("", "the file is empty"),
    ("receiver\n\n", "no records"),
    ("receiver\n" + "919900112233\n" * (MOST_ROWS + 1), "at most 50,000"),
    ("PK\x03\x04\0\0", "damaged"),
    ("\x01\x02\x03\x04" * 9, "not a text file"),
    ("%PDF-1.7", "a PDF"),
    ('receiver,x\n"open,1\n', "no row of the file is a valid record"),
]


async def test_a_file_that_cannot_be_read_is_refused_whole(deps: Deps) -> None:
    cast = await make_cast(deps)

    async def is_refused(case: tuple[str, str]) -> None:
        text, said = case
        with pytest.raises(InvalidInput, match=said) as refused:
            await take(deps, cast, text)
        assert refused.value.field == "file"
        assert await uploads.list_uploads(deps, cast.account.id, None) == []

    await each(UNREADABLE, is_refused, name=lambda case: case[1])


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
    first, second, third = await service.records_of_batch(deps, batch, cast.account.id)
    assert (first.starts_at, first.key.ends_at) == tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (18, 19))
    assert (second.starts_at, second.key.ends_at) == (deps.clock.now(), datetime(2026, 1, 1, 10, 30, tzinfo=UTC))
    assert (third.fault_field, third.fault) == ("starts_at", "invalid")


async def test_a_day_as_end_lasts_until_it_is_over_also_in_a_workbook(deps: Deps) -> None:
    cast = await make_cast(deps)
    ends = date(2026, 1, 1), datetime(2026, 1, 2)
    found = await look(deps, cast, book([["to", "valid until"], *([phone(), end] for end in ends)]))
    assert [row.values.ends_at for row in found.rows] == ["2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.000Z"]
    assert found.good_count == 2


async def test_rows_that_were_stored_with_fewer_fields_have_the_last_ones_empty(deps: Deps) -> None:
    """As after an update that brings a field."""
    cast = await make_cast(deps)
    receiver = phone()
    upload = await take(deps, cast, f"to\n{receiver}\n")
    async with deps.db.transaction() as tx:
        await tx.execute(
            "UPDATE upload_part SET rows = jsonb_set(rows::jsonb, '{0,values}', (rows::jsonb #> '{0,values}') - 6)"
            " WHERE upload_id = $1",
            upload.id,
        )
    await run(deps)
    [result] = [one async for part in uploads.each_result(deps, cast.account.id, upload.id) for one in part]
    assert (result.row.values.receiver, result.row.values.ends_at) == (receiver, "")
    assert len(result.row.shown) == len(Field)
    assert result.record
    assert (result.record.fault_field, result.record.fault) == ("ends_at", "required")


def test_a_time_that_clocks_skip_stays_refused_where_the_zone_is_not_known() -> None:
    texts = RowTexts("918040001234", phone(), starts_at="2027-03-28T02:30", ends_at="2027-03-28T04:00")
    kept = filled(UploadRow(2, texts), RowDefaults(zone=ZoneInfo("Europe/Berlin")))
    assert kept.values.starts_at == "2027-03-28T02:30 (Europe/Berlin skips or repeats it)"
    assert kept.values.ends_at == "2027-03-28T02:00:00.000Z"
    assert as_record(kept.values).starts_at == kept.values.starts_at  # which is no instant, and so a fault


def test_long_texts_in_the_place_of_numbers_are_kept_in_the_rows_alone() -> None:
    tracemalloc.start()
    try:
        for number in range(500):
            row = UploadRow(2, RowTexts(f"{number}" + "x" * 10_000, "+91 99000-00001"))
            assert as_kept([row], "")[0].values == RowTexts(row.values.caller, "+919900000001")
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_columns_go_by_the_wires_names_and_by_those_people_use() -> None:
    table = read_file(b"\xef\xbb\xbfCaller ID\tTo\tdynamic-label name\tvalid until\tZip\n1\t2\t3\t4\t5\n", Reading())
    columns = find_columns(table, {})
    assert rows_of(table, columns)[0].values == RowTexts("1", "2", label_name="3", ends_at="4")
    assert [one.name for one in unused_columns(table, columns, COLUMNS)] == ["Zip"]


async def test_a_customers_name_is_never_the_name_shown(deps: Deps) -> None:
    cast = await make_cast(deps)
    found = await look(deps, cast, f"name,phone\nAsha Rao,{phone()}\n")
    assert [one.name for one in found.unused] == ["name"]
    assert found.samples[0].record
    assert found.samples[0].record.label_name == cast.label.name
    chosen = await look(deps, cast, f"name,phone\nAsha Rao,{phone()}\n", chosen={Field.LABEL_NAME: "0"})
    assert chosen.samples[0].record
    assert chosen.samples[0].record.label_name == "Asha Rao"
    assert chosen.unused == []


@pytest.mark.parametrize("name", ["Telefon", "Phone 1 - Value", "電話番号"])
def test_a_single_column_that_says_phone_in_other_words_is_the_receivers(name: str) -> None:
    table = read_file(f"Kunde;{name}\nAsha;{phone()}\n".encode(), Reading())
    assert find_columns(table, {})[Field.RECEIVER] == 1
    two = read_file(f"Telefon;Handy\n{phone()};{phone()}\n".encode(), Reading())
    assert find_columns(two, {})[Field.RECEIVER] == -1


def test_a_receiver_whose_country_code_stands_in_another_column_is_left_out_and_told() -> None:
    table = read_file(b"Country Code,Phone\n91,9900000001\n91,919900000002\n", Reading())
    columns = find_columns(table, {})
    first, second = rows_of(table, columns)
    assert first.fault.startswith("its country code stands in another column")
    assert first.fault.endswith(": 91, 9900000001")
    assert second.fault == ""
    assert [row.fault for row in rows_of(table, columns, "IN")] == ["", ""]


async def test_receivers_that_fit_no_country_are_told(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = f"phone\n9840012345\n{phone()}\n8040001234\nnone\n"
    (note,) = (await look(deps, cast, text)).table.notes
    assert note.startswith("2 numbers fit no country: +9840012345, +8040001234.")
    assert (await look(deps, cast, text, region="IN")).table.notes == ()


async def test_placeholders_that_were_not_filled_in_are_named(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = f"phone,call_reason\n{phone()},Your order {{order}} arrives\n{phone()},Your order arrives today\n"
    found = await look(deps, cast, text)
    assert found.table.notes == (
        "1 reason has what looks like a placeholder: {order}, the first in line 2; handsets show it as it is.",
    )
    assert found.good_count == 2


async def test_an_unused_column_is_named_with_the_name_that_was_meant(deps: Deps) -> None:
    cast = await make_cast(deps)
    found = await look(deps, cast, f"phone,call resaon,zip\n{phone()},Your parcel arrives today,1\n")
    assert [(one.name, one.meant) for one in found.unused] == [("call resaon", "call_reason"), ("zip", "")]


async def test_a_file_without_names_pushes_nothing_before_a_column_is_chosen(deps: Deps) -> None:
    cast = await make_cast(deps)
    found = await look(deps, cast, "a,b\n1,2\n")
    assert (found.has_receivers, found.good_count) == (False, 0)
    one, two = phone(), phone()
    assert not (await look(deps, cast, f"phone,phone\n{one},{two}\n")).has_receivers
    assert (await look(deps, cast, f"Asha,{one}\nRavi,{two}\n")).good_count == 2
    chosen = await look(deps, cast, f"phone,phone\n{one},{two}\n", chosen={Field.RECEIVER: "1"})
    assert chosen.rows[0].values.receiver == two


async def test_a_spreadsheets_number_of_a_receiver_is_read_whole_or_refused_with_the_reason(deps: Deps) -> None:
    cast = await make_cast(deps)
    found = await look(deps, cast, "phone;x\n918040001234.0;\n9,18E+11;\n918040001235, 918040001236;\n555-FLOW;\n")
    assert found.good_count == 1
    assert found.samples[0].record
    assert found.samples[0].record.receiver_number == "918040001234"
    (kind,) = found.faults
    assert (kind.count, [line for line, _, _ in kind.examples]) == (3, [3, 4, 5])
    assert "cut its last digits" in kind.examples[0][2]


async def test_names_are_shown_as_they_were_written_and_controls_never_reach_a_screen(deps: Deps) -> None:
    cast = await make_cast(deps)
    text = f"phone,label_name\n{phone()},Café “Acme” €\n"
    found = await look(deps, cast, text.encode("cp1252"))
    assert found.samples[0].record
    assert found.samples[0].record.label_name == "Café “Acme” €"
    for hidden in ("Acme\x07Ltd", "Acme\x85Ltd", "\u202eemcA", "\u200b\u200b\u200b", "Acme\0Ltd"):
        refused = await look(deps, cast, f"phone,label_name\n{phone()},{hidden}\n")
        assert (refused.good_count, [kind.field for kind in refused.faults]) == (0, [Field.LABEL_NAME])


@pytest.mark.usefixtures("nothing_is_due")
async def test_lines_that_are_no_record_are_left_out_told_and_never_shift_the_others(deps: Deps) -> None:
    cast = await make_cast(deps)
    one, two = phone(), phone()
    text = f'to,note\n{one},"open\nRao, Asha,{phone()}\n{two},fine\n'
    found = await look(deps, cast, text)
    assert [(kind.field, kind.count) for kind in found.faults] == [(None, 1), (None, 1)]
    upload = await take(deps, cast, text)
    assert (upload.row_count, upload.left_out_count) == (1, 2)
    await run(deps)
    results = [result async for part in uploads.each_result(deps, cast.account.id, upload.id) for result in part]
    receivers = [(one.row.line, one.record and one.record.key.receiver_number) for one in results]
    assert receivers == [(2, None), (3, None), (4, two)]
    told = await uploads.first_faulty(deps, cast.account.id, upload.id, 9)
    assert [r.row.line for r in told] == [2, 3]


async def test_a_record_above_the_header_is_left_out_and_told(deps: Deps) -> None:
    cast = await make_cast(deps)
    found = await look(deps, cast, f"{phone()},x\nphone,note\n{phone()},x\n")
    assert (found.good_count, found.row_count, found.table.before) == (1, 2, [])
    assert [(kind.fault, kind.examples[0][0]) for kind in found.faults] == [(ABOVE, 1)]
