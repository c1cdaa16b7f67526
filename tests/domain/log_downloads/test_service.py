"""Files hold exactly the events of their range, line by line, and are written once."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import LiteralString

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.support.actors import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.hidden_sessions import hidden_from_each_other
from tests.support.listed_number import Listed, make_listed
from tests.support.log_downloads import (
    answered,
    as_cells,
    asked_to_call_back,
    content_of,
    export,
    make_survey,
    payloads,
    rows,
)
from tests.support.waiting import until, until_locked

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.feedback import service as feedback
from callmark.domain.log_downloads import jobs, service as log_downloads
from callmark.domain.log_downloads.model import COLUMNS, FOLDER, FileFormat, LogFile
from callmark.domain.log_downloads.service import Downloads
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.kit.errors import LinkExpired, TooManyRequests
from callmark.kit.object_store import Files, files_of
from callmark.kit.secret_key import lock_key

SLOT = "2026-01-03T09:30:00+04:00"
NASTY = (
    'He said "hello, world"',
    "line one\nline two\r\nline three",
    "  =1+1;@cmd|'/C calc'!A1\t",
    "शुक्रिया 🙏🏽 \u202e\u05e9\u05dc\u05d5\u05dd\u202c, naïve",
    "\\N \\. \x01\x02\x7f \u2028",
)


async def content(deps: Deps, wanted: LogFile) -> bytes:
    return b"".join([chunk async for chunk in log_downloads.lines(deps, wanted)])


async def test_a_csv_file_has_the_payloads_fields_as_columns_and_a_line_for_each_event(deps: Deps) -> None:
    listed = await make_listed(deps)
    await callbacks.set_config(
        deps,
        listed.account_id,
        listed.feature_set_id,
        name='"Weekday", callbacks',
        slot_picker=True,
        time_zone="Asia/Kolkata",
        hours="sat 11:00-12:00",
        by=ALICE,
    )
    await asked_to_call_back(deps, listed, slot=SLOT)
    await asked_to_call_back(deps, listed, is_interested=False)
    await asked_to_call_back(deps, listed, slot=SLOT, is_sim_unknown=True)
    found = await content(deps, export(deps, listed.account_id))
    said = await payloads(deps, listed.account_id)
    assert found.splitlines()[0].decode().split(",") == list(said[0])
    assert rows(found) == [as_cells(one) for one in said]
    assert [row["is_interested"] for row in rows(found)] == ["true", "false", "true"]


@pytest.mark.parametrize("is_first", [True, False])
async def test_files_of_adjoining_ranges_have_an_event_that_waits_while_the_first_is_written(
    deps: Deps, clock: FakeClock, *, is_first: bool
) -> None:
    listed, began = await make_listed(deps), clock.now()
    if not is_first:
        await asked_to_call_back(deps, listed)
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO event_counter VALUES ($1, 0) ON CONFLICT DO NOTHING", listed.account_id)
        await tx.execute("SELECT FROM event_counter WHERE account_id = $1 FOR UPDATE", listed.account_id)
        late = asyncio.create_task(asked_to_call_back(deps, listed))
        await until_locked(deps.db, 1)
        clock.advance(timedelta(seconds=1))
        wanted = LogFile(listed.account_id, EventType.CALL_ME_BACK, None, began, clock.now())
        link = asyncio.create_task(log_downloads.make_link(deps, wanted, by=ALICE))
        file = asyncio.create_task(content(deps, wanted))
        if not is_first:
            await link
        await asyncio.sleep(0)
    await late
    clock.advance(timedelta(hours=1))
    following = LogFile(listed.account_id, EventType.CALL_ME_BACK, None, wanted.before, clock.now())
    assert len(rows(await file)) == (1 if is_first else 2)
    assert await link is not None
    assert rows(await content(deps, following)) == []


async def test_a_file_waits_neither_for_what_reads_for_hours_nor_for_a_range_of_the_past(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_downloads, "LOOKS", 1_000_000)  # it would wait for hours
    listed = await asked_to_call_back(deps)
    wanted = export(deps, listed.account_id)
    async with deps.db.transaction() as tx:
        await tx.execute("SELECT FROM event")  # a backup
        in_an_hour = replace(deps, real_clock=FakeClock(deps.real_clock.now() + timedelta(hours=1)))
        assert len(rows(await content(in_an_hour, wanted))) == 1
        await tx.execute("UPDATE event_counter SET last_number = last_number")
        past = replace(wanted, before=deps.clock.now() - timedelta(minutes=1))
        assert rows(await content(deps, past)) == []


@pytest.mark.parametrize("done", ["UPDATE event_counter SET last_number = last_number", "SELECT FROM event_counter"])
@pytest.mark.parametrize("seen", [nullcontext, hidden_from_each_other])
async def test_a_file_is_written_after_seconds_beside_a_transaction_that_stays_open(
    deps: Deps,
    monkeypatch: pytest.MonkeyPatch,
    seen: Callable[[Deps], AbstractAsyncContextManager[Deps]],
    done: LiteralString,
) -> None:
    monkeypatch.setattr(log_downloads, "LOOKS", 2)
    listed = await asked_to_call_back(deps)
    async with seen(deps) as reading, deps.db.transaction() as tx:
        await tx.execute(done)
        with capture_logs() as logs:
            assert len(rows(await content(reading, export(deps, listed.account_id)))) == 1
    assert [(line["event"], line["transactions"]) for line in logs] == [("export_beside_open_transactions", 1)]


async def test_what_receivers_wrote_comes_back_as_they_wrote_it(deps: Deps) -> None:
    listed = await make_listed(deps)
    survey = await make_survey(deps, listed)
    for text in NASTY:
        await answered(deps, listed, survey, "Yes", text)
    wanted = export(deps, listed.account_id, EventType.USER_FEEDBACK, campaign_id=survey.id)
    found = await content(deps, wanted)
    said = await payloads(deps, listed.account_id)
    assert found.splitlines()[0].decode().split(",") == list(said[0]) == list(COLUMNS[EventType.USER_FEEDBACK])
    assert rows(found) == [as_cells(one) for one in said]
    assert [json.loads(row["responses"])[1]["answer"] for row in rows(found)] == list(NASTY)
    assert not any(row["responses"].startswith(tuple("=+-@\t\r")) for row in rows(found))


async def test_ndjson_is_the_payloads_byte_for_byte(deps: Deps) -> None:
    listed = await make_listed(deps)
    survey = await make_survey(deps, listed)
    await asked_to_call_back(deps, listed)
    for text in NASTY:
        await answered(deps, listed, survey, "No", text)
    said = await payloads(deps, listed.account_id)
    for kind, expected in ((EventType.CALL_ME_BACK, said[:1]), (EventType.USER_FEEDBACK, said[1:])):
        found = await content(deps, export(deps, listed.account_id, kind, FileFormat.NDJSON))
        texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in expected]
        assert found.decode().removesuffix("\n").split("\n") == texts


async def test_the_name_of_a_number_group_stands_in_the_column_of_feature_sets(deps: Deps) -> None:
    listed = await make_listed(deps, is_number_group=True, name="Old numbers")
    await asked_to_call_back(deps, listed)
    (row,) = rows(await content(deps, export(deps, listed.account_id)))
    assert row["feature_set"] == "Old numbers"
    assert list(row) == list(COLUMNS[EventType.CALL_ME_BACK])


async def test_a_file_holds_its_accounts_and_campaigns_events_only(deps: Deps) -> None:
    alices, charlies = await asked_to_call_back(deps), await asked_to_call_back(deps)
    first, second = await make_survey(deps, charlies), await make_survey(deps, await make_listed(deps))
    await answered(deps, charlies, first, "Yes")
    assert len(rows(await content(deps, export(deps, alices.account_id)))) == 1
    of_feedback = export(deps, charlies.account_id, EventType.USER_FEEDBACK)
    for campaign_id, count in ((first.id, 1), (None, 1), (second.id, 0)):
        wanted = replace(of_feedback, campaign_id=campaign_id)
        assert len(rows(await content(deps, wanted))) == count
        assert (await log_downloads.make_link(deps, wanted, by=ALICE) is not None) == bool(count)
    assert await log_downloads.make_link(deps, replace(of_feedback, account_id=alices.account_id), by=ALICE) is None


async def test_a_file_begins_with_since_and_ends_before_before(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    tick = timedelta(microseconds=1)
    begin = clock.now()
    for _ in range(5):
        await asked_to_call_back(deps, listed)
        clock.advance(tick)
    said = [as_cells(one) for one in await payloads(deps, listed.account_id)]
    wanted = replace(export(deps, listed.account_id), since=begin + tick, before=begin + 4 * tick)
    assert rows(await content(deps, wanted)) == said[1:4]


async def fill(deps: Deps, wanted: LogFile, count: int) -> None:
    """Appends events in bulk, several of them at each instant, from the export's beginning on."""
    async with deps.db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO event (account_id, number, id, event_type, created_at, body)
            SELECT $1, n, gen_random_uuid(), 'cmb', $2::timestamptz + n / 7 * interval '1 millisecond',
              json_build_object('cmb_payload', json_build_object('requested_at', n::text))
            FROM generate_series(1, $3::bigint) n
            """,
            wanted.account_id,
            wanted.since,
            count,
        )


async def test_twenty_thousand_events_come_in_bounded_chunks_each_once_and_in_order(deps: Deps) -> None:
    wanted = export(deps, (await accounts.create_account(deps, "Acme", by=SYSTEM)).id)
    await fill(deps, wanted, 20_000)
    chunks = [chunk async for chunk in log_downloads.lines(deps, wanted)]
    found = [row["requested_at"] for row in rows(b"".join(chunks))]
    assert found == [str(n) for n in range(1, 20_001)]
    assert all(chunk.endswith(b"\n") and chunk.count(b"\n") <= log_downloads.STEP for chunk in chunks)
    assert len(chunks) == 1 + 20_000 // log_downloads.STEP


async def test_a_reader_that_stops_reading_holds_no_connection(deps: Deps) -> None:
    wanted = export(deps, (await accounts.create_account(deps, "Acme", by=SYSTEM)).id)
    await fill(deps, wanted, log_downloads.STEP + 1)
    readers = [log_downloads.lines(deps, wanted) for _ in range(deps.settings.pool_size + 1)]
    for _ in range(2):  # the header, and the first step
        for reader in readers:
            await anext(reader)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    for reader in readers:
        await reader.aclose()


async def test_a_file_is_written_once_however_many_ask_for_it(deps: Deps, clock: FakeClock) -> None:
    listed = await asked_to_call_back(deps)
    link = await log_downloads.make_link(deps, export(deps, listed.account_id), by=ALICE)
    assert link
    token = link.url.removeprefix("http://callmark.test/downloads/")
    downloads = Downloads(deps)
    found = await asyncio.gather(*(downloads.open(token) for _ in range(5)))
    read = [await content_of(one) for one in found]
    assert len(set(read)) == 1
    assert len(rows(read[0])) == 1
    assert {one.stored.size_bytes for one in found} == {len(read[0])}
    assert len(await files_of(deps.settings).sizes(FOLDER)) == 1

    await asked_to_call_back(deps, listed)  # after the file was made
    clock.advance(timedelta(minutes=9, seconds=59))
    again = await Downloads(deps).open(token)  # another process
    assert again.stored.size_bytes == len(read[0])
    clock.advance(timedelta(seconds=1))
    with pytest.raises(LinkExpired):
        await downloads.open(token)


async def test_a_link_leads_to_its_file_while_the_secret_key_is_replaced(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_downloads, "LOOKS", 1)
    link = await log_downloads.make_link(deps, export(deps, (await asked_to_call_back(deps)).account_id), by=ALICE)
    assert link
    async with deps.db.transaction() as tx:
        await lock_key(tx)
        found = await Downloads(deps).open(link.url.rpartition("/")[2])
    assert len(rows(await content_of(found))) == 1


async def test_a_writing_that_was_broken_off_leaves_nothing_and_is_done_anew(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_downloads, "LOOKS", 1)
    wanted = export(deps, (await accounts.create_account(deps, "Acme", by=SYSTEM)).id)
    await fill(deps, wanted, 3 * log_downloads.STEP)
    link = await log_downloads.make_link(deps, wanted, by=ALICE)
    assert link
    token = link.url.rpartition("/")[2]
    stopped = Downloads(deps)
    async with deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(stopped.open(token))
        await until_locked(deps.db, 1)
        await stopped.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not await files_of(deps.settings).sizes(FOLDER)
    found = await Downloads(deps).open(token)
    assert len(rows(await content_of(found))) == 3 * log_downloads.STEP


async def test_old_files_are_removed_and_those_in_use_stay(deps: Deps, clock: FakeClock) -> None:
    listed = await asked_to_call_back(deps)
    downloads = Downloads(deps)
    for _ in range(2):
        link = await log_downloads.make_link(deps, export(deps, listed.account_id), by=ALICE)
        assert link
        await downloads.open(link.url.rpartition("/")[2])
        clock.advance(timedelta(minutes=30))
    assert await jobs.forget_old_files(deps) == 0
    clock.advance(timedelta(minutes=11))
    assert await jobs.forget_old_files(deps) == 1
    assert await jobs.forget_old_files(deps) == 0
    assert len(await files_of(deps.settings).sizes(FOLDER)) == 1


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        (f"exports/20200101T000000Z-0-{'a' * 32}-{'b' * 32}.csv", True),
        ("exports/customers.parquet", False),
        ("exports/20200101.csv", False),
        ("exports/20200101T000000Z-0-acme-report.csv", False),
        (f"exports/20201399T000000Z-0-{'a' * 32}-{'b' * 32}.csv", False),
        (f"exports/finance/20200101T000000Z-0-{'a' * 32}-{'b' * 32}.csv", False),
    ],
)
async def test_only_files_of_ours_are_removed(deps: Deps, name: str, *, is_ours: bool) -> None:
    files = files_of(deps.settings)
    await files.write(name, chunks_of(b"kept?"))
    assert await jobs.forget_old_files(deps) == int(is_ours)
    assert list(await files.sizes(FOLDER)) == ([] if is_ours else [name])


async def chunks_of(*chunks: bytes) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_process_deletes_old_files_of_its_own_host(
    deps: Deps, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_downloads, "CLEANED_EVERY_S", 0.01)
    files, downloads = files_of(deps.settings), Downloads(deps)
    await downloads.open(await token_of(deps, await asked_to_call_back(deps)))
    await downloads.start()
    assert len(await files.sizes(FOLDER)) == 1
    clock.advance(timedelta(minutes=71))
    await until(partial(is_empty, files))
    await downloads.close()


async def is_empty(files: Files) -> bool:
    return not await files.sizes(FOLDER)


async def token_of(deps: Deps, listed: Listed) -> str:
    """Of a new link, which means a file of its own."""
    link = await log_downloads.make_link(deps, export(deps, listed.account_id), by=ALICE)
    assert link
    return link.url.rpartition("/")[2]


async def test_files_of_one_account_take_so_much_and_no_more(
    deps: Deps, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_downloads, "MOST_BYTES", 1)
    acme, other = await asked_to_call_back(deps), await asked_to_call_back(deps)
    downloads, first = Downloads(deps), await token_of(deps, acme)
    await downloads.open(first)
    clock.advance(timedelta(minutes=4))
    with pytest.raises(TooManyRequests) as refused:
        await downloads.open(await token_of(deps, acme))
    assert refused.value.retry_after == timedelta(minutes=6)
    assert await downloads.open(first)
    assert await downloads.open(await token_of(deps, other))
    clock.advance(timedelta(minutes=6))
    assert await downloads.open(await token_of(deps, acme))
    assert len(await files_of(deps.settings).sizes(FOLDER)) == 2


async def test_a_link_is_audited_with_what_it_leads_to_and_none_without_events(deps: Deps) -> None:
    listed = await make_listed(deps)
    requests, key = export(deps, listed.account_id), Actor(ActorKind.API_KEY, ALICE.email, key_name="CRM")
    assert await log_downloads.make_link(deps, requests, by=key) is None
    survey = await make_survey(deps, listed)
    await answered(deps, listed, survey, "Yes")
    await asked_to_call_back(deps, listed)
    await log_downloads.make_link(deps, requests, by=key)
    answers = export(deps, listed.account_id, EventType.USER_FEEDBACK, campaign_id=survey.id)
    await log_downloads.make_link(deps, answers, by=ALICE)
    found = await audit.list_entries(deps, listed.account_id, AuditFilter("log.exported"))
    assert {(entry.actor_email, entry.subject) for entry in found} == {
        ("API key CRM", "Call Me Back requests"),
        (ALICE.email, f"answers to {survey.name}"),
    }
    assert found[0].details == {"range": "2026-01-01T09:00:00.000Z to 2026-01-01T11:00:00.000Z", "format": "csv"}
    await feedback.end_campaign(deps, listed.account_id, survey.id, by=ALICE)
    await feedback.delete_campaign(deps, listed.account_id, survey.id, by=ALICE)
    assert await log_downloads.make_link(deps, answers, by=ALICE)
