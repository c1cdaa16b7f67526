"""A number is erased from every table that can hold one: afterwards a dump of the database does not have its digits."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.persons.erased_numbers import NUMBER, OTHER, dump_of, erased, has, put_everywhere, rows_of
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.log_downloads import NOT_OURS, OUR_FILE, asked_to_call_back, content_of, export, rows
from tests.support.table_rows import put_row

from callmark.domain.audit import sealing, service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import ErasureId
from callmark.domain.log_downloads import jobs, service as log_downloads
from callmark.domain.log_downloads.model import FOLDER
from callmark.domain.log_downloads.service import Downloads
from callmark.domain.persons import erasing, service
from callmark.kit.errors import Conflict, InvalidInput, SetupError
from callmark.kit.ids import new_id
from callmark.kit.object_store import files_of
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names


async def test_after_an_erasure_no_table_has_the_number(deps: Deps, engines: Engines) -> None:
    put = await put_everywhere(deps, NUMBER)
    assert len(put) > 80
    async with deps.db.transaction() as tx:
        await put_row(tx, "file_draft", deps.clock.now(), {"content": b"PK\x03\x04 a workbook"})
        await put_row(tx, "file_draft", deps.clock.now(), {"content": f"Phone,{NUMBER}".encode("utf-16")})
        await put_row(tx, "call_record", deps.clock.now(), {"receiver_number": OTHER, "caller_number": "918040001234"})
        await put_row(tx, "event", deps.clock.now(), {"body": f'{{"client_number":"{OTHER}"}}'})
    assert has(dump_of(engines.dsn), NUMBER)
    done = await erased(deps)
    after = dump_of(engines.dsn)
    assert not has(after, NUMBER), next(line for line in after.splitlines() if has(line, NUMBER))
    assert has(after, OTHER)
    assert (done.phone_number, done.pass_number, done.is_listed) == (None, 2, False)
    assert set(done.counts) == {name.partition(".")[0] for name in put}
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM file_draft") == 0
        for table in ("call", "registration", "wake_up", "presence", "callback_request"):
            assert await tx.fetchval(_COUNT[table], NUMBER) == 0


_COUNT: dict[str, Any] = {
    "call": "SELECT count(*) FROM call WHERE receiver_number = $1",
    "registration": "SELECT count(*) FROM registration WHERE phone_number = $1",
    "wake_up": "SELECT count(*) FROM wake_up WHERE phone_number = $1",
    "presence": "SELECT count(*) FROM presence WHERE phone_number = $1",
    "callback_request": "SELECT count(*) FROM callback_request WHERE receiver_number = $1",
}


async def test_an_erasure_may_be_repeated_and_then_changes_nothing(deps: Deps) -> None:
    await put_everywhere(deps, NUMBER)
    first, second = await erased(deps), await erased(deps)
    assert first.rows > 0
    assert (second.rows, second.pass_number, second.digest) == (0, 1, first.digest)


async def test_one_that_was_killed_goes_on_where_it_stopped(deps: Deps) -> None:
    await put_everywhere(deps, NUMBER)
    made = await service.request_erasure(deps, NUMBER, by=ALICE)
    assert await erasing.step(deps, made.id)
    begun = await service.get_erasure(deps, made.id)
    assert 0 == begun.tables_done < begun.table_count
    assert await erasing.step(deps, made.id)  # then the process is killed
    half = await service.get_erasure(deps, made.id)
    assert 0 < half.tables_done < half.table_count
    again = await service.request_erasure(deps, NUMBER, by=ALICE)
    assert again.id == made.id
    while await erasing.step(deps, made.id):
        pass
    assert not await erasing.step(deps, made.id)
    assert not has(await rows_of(deps), NUMBER)
    assert (await service.get_erasure(deps, made.id)).rows > half.rows


async def test_rows_that_come_while_it_runs_are_found_by_the_next_look(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
    made = await service.request_erasure(deps, NUMBER, by=ALICE)
    while not (found := await service.get_erasure(deps, made.id)).table_count or found.tables_done < found.table_count:
        assert await erasing.step(deps, made.id)
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
        await put_row(tx, "mail", deps.clock.now(), {"plain": f"call {NUMBER}"})
        await put_row(tx, "wake_up", deps.clock.now(), {"phone_number": NUMBER})
    while await erasing.step(deps, made.id):
        pass
    assert not has(await rows_of(deps), NUMBER)


async def test_of_a_listed_number_what_is_about_the_business_stays(deps: Deps) -> None:
    now, asked = deps.clock.now(), {"client_number": OTHER, "business_number": NUMBER}
    async with deps.db.transaction() as tx:
        await put_row(tx, "number", now, {"phone_number": NUMBER})
        await put_row(tx, "call_record", now, {"caller_number": NUMBER, "receiver_number": OTHER})
        await put_row(tx, "call_record", now, {"caller_number": OTHER, "receiver_number": NUMBER})
        await put_row(tx, "event", now, {"body": msgspec.json.encode(asked).decode(), "number": 1})
        await put_row(tx, "event", now, {"body": f'{{"client_number":"{NUMBER}"}}', "number": 2})
        await put_row(tx, "audit_entry", now, {"subject": NUMBER})
    done = await erased(deps)
    assert (done.is_listed, dict(done.counts)) == (True, {"call_record": 1, "event": 1})
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT caller_number FROM call_record") == NUMBER
        bodies = await tx.fetch("SELECT body FROM event ORDER BY number")
        assert await tx.fetchval("SELECT count(*) FROM number") == 1
    assert [msgspec.json.decode(row["body"]) for row in bodies] == [asked, {"client_number": "0" * 12}]


async def test_what_receivers_said_to_a_caller_stays_without_the_callers_number(deps: Deps) -> None:
    now, zeros = deps.clock.now(), "0" * len(NUMBER)
    async with deps.db.transaction() as tx:
        await put_row(tx, "callback_request", now, {"business_number": NUMBER, "receiver_number": OTHER})
        await put_row(tx, "feedback", now, {"business_number": NUMBER, "receiver_number": OTHER})
        await put_row(tx, "call", now, {"caller_number": NUMBER, "receiver_number": OTHER})
        for table in _OF_CALLS:
            await put_row(tx, table, now, {"caller_number": NUMBER, "receiver_number": OTHER})
    done = await erased(deps)
    assert done.rows == 3 + len(_OF_CALLS)
    assert not has(await rows_of(deps), NUMBER)
    async with deps.db.connection() as tx:
        said = await tx.fetch(
            "SELECT business_number, receiver_number FROM callback_request"
            " UNION ALL SELECT business_number, receiver_number FROM feedback"
            " UNION ALL SELECT caller_number, receiver_number FROM call"
        )
        left = [await tx.fetchval(own_names(f"SELECT count(*) FROM {table}")) for table in _OF_CALLS]
    assert [tuple(row) for row in said] == [(zeros, OTHER)] * 3
    assert left == [0] * len(_OF_CALLS)


_OF_CALLS = ("announced_call", "call_record", "possible_spoof", "signed_call", "verified_call")
"""Tables of which a row says nothing without the caller."""


async def test_numbers_in_keys_of_the_same_words_are_erased_one_after_the_other(deps: Deps) -> None:
    account = new_id()
    async with deps.db.transaction() as tx:
        for number in (NUMBER, OTHER, "917700112200"):
            key = {"account_id": account, "key": f"reminder-{number}"}
            await put_row(tx, "idempotency_key", deps.clock.now(), key)
            await put_row(tx, "announced_call", deps.clock.now(), {"account_id": account, "call_id": f"1-{number}"})
            await put_row(tx, "throttle", deps.clock.now(), {"what": "codes", "who": number})
            await put_row(tx, "mail", deps.clock.now(), {"plain": number})
    for number in (NUMBER, OTHER):
        assert dict((await erased(deps, number)).counts) == dict.fromkeys(_KEYED, 1)
    dump = await rows_of(deps)
    assert [has(dump, number) for number in (NUMBER, OTHER, "917700112200")] == [False, False, True]


_KEYED = ("announced_call", "idempotency_key", "mail", "throttle")


async def test_the_audit_log_stays_verifiable_and_does_not_say_the_number(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        for subject in ("before", NUMBER, "after"):
            await audit.note(
                tx, ALICE, AuditAction.NUMBERS_PROVEN, subject, account_id=None, at=deps.clock.now(), of=NUMBER
            )
    await sealing.seal_entries(deps)
    done = await erased(deps)
    await sealing.seal_entries(deps)
    found = await sealing.verify(deps)
    assert (found.faults, found.redacted, len(done.redacted)) == ([], 3, 3)
    entries = await audit.list_entries(deps, None, audit.AuditFilter())
    assert [one.action for one in entries if one.action.startswith("person.")] == [
        "person.erased",
        "person.erasure_requested",
    ]
    assert not any(NUMBER in f"{one.subject} {one.details}" for one in entries)


async def test_an_audit_entry_that_shortened_the_number_loses_what_it_shows(deps: Deps) -> None:
    """An earlier version wrote such subjects, which leave few numbers that they may be."""
    others = (f"{OTHER[:4]}…{OTHER[-4:]}", f"to {NUMBER[:4]}…{NUMBER[-4:]}", f"…{NUMBER[-2:]}")
    async with deps.db.transaction() as tx:
        for subject in (f"{NUMBER[:4]}…{NUMBER[-4:]}", *others):
            await audit.note(tx, ALICE, AuditAction.HANDSET_FORGOTTEN, subject, account_id=None, at=deps.clock.now())
    await sealing.seal_entries(deps)
    assert (await erased(deps)).rows == 1
    entries = await audit.list_entries(deps, None, audit.AuditFilter(action="handset.forgotten"))
    assert {one.subject for one in entries} == {"0" * len(NUMBER), *others}
    assert (await sealing.verify(deps)).faults == []


async def test_the_audit_log_can_be_verified_at_each_step_of_an_erasure(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await audit.note(tx, ALICE, AuditAction.NUMBERS_PROVEN, NUMBER, account_id=None, at=deps.clock.now())
    await sealing.seal_entries(deps)
    made, seen = await service.request_erasure(deps, NUMBER, by=ALICE), set[tuple[int, int]]()
    while await erasing.step(deps, made.id):
        found = await sealing.verify(deps)
        assert found.faults == []
        seen.add((found.redacted, found.in_erasure))
    assert seen == {(0, 0), (1, 1)}
    for _ in range(2):  # before what names it is sealed, and after it
        found = await sealing.verify(deps)
        assert (found.faults, found.redacted, found.in_erasure) == ([], 1, 0)
        await sealing.seal_entries(deps)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE audit_entry SET redacted_at = at WHERE action = 'person.erasure_requested'")
    assert [one.what for one in (await sealing.verify(deps)).faults] == [
        "it was redacted, and no entry of an erasure names it"
    ]


async def test_download_files_go(deps: Deps) -> None:
    files = files_of(deps.settings)

    async def content() -> AsyncGenerator[bytes]:
        yield NUMBER.encode()

    for name in (OUR_FILE, NOT_OURS):
        await files.write(name, content())
    await erased(deps)
    assert list(await files.sizes(FOLDER)) == [NOT_OURS]


async def test_a_download_file_of_another_host_is_not_read_after_an_erasure(deps: Deps, tmp_path: Path) -> None:
    listed = await asked_to_call_back(deps)
    link = await log_downloads.make_link(deps, export(deps, listed.account_id), by=ALICE)
    assert link
    token = link.url.rpartition("/")[2]
    there = replace(deps, settings=replace(deps.settings, data=tmp_path / "another host"))
    before = await content_of(await Downloads(there).open(token))
    number = PhoneNumber(rows(before)[0]["client_number"])
    await erased(deps, number)
    after = await content_of(await Downloads(there).open(token))
    assert (number.encode() in before, number.encode() in after, len(rows(after))) == (True, False, 1)
    assert await jobs.forget_old_files(there) == 1
    assert len(await files_of(there.settings).sizes(FOLDER)) == 1


async def test_a_handset_of_the_emulator_is_deleted_there(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "virtual_handset", deps.clock.now(), {"phone_number": NUMBER})
    with pytest.raises(Conflict, match="delete the virtual handset first"):
        await service.request_erasure(deps, NUMBER, by=ALICE)


@pytest.mark.parametrize("text", ["", "12", "09900112233", "nine", "91990011223344556"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="phone_number"):
        service.parse_number(text)
    assert service.parse_number(" +91 99001 12233 ") == NUMBER


async def test_after_a_restore_an_erased_number_is_found_by_its_digest(deps: Deps) -> None:
    gone = [await erased(deps), await erased(deps, OTHER)]
    async with deps.db.transaction() as tx:
        known = await service.known_erasures(tx)
        await tx.execute("DELETE FROM erasure")  # the database of a backup from before
    assert [one.id for one in known] == [one.id for one in gone]
    await put_everywhere(deps, NUMBER)
    async with deps.db.transaction() as tx:
        for _ in range(2):
            await tx.execute(service.sql_again(service.parse_known(msgspec.json.encode(known)), deps.clock.now()))
        assert await tx.fetchval("SELECT count(*) FROM erasure WHERE ended_at IS NULL") == 2
    for one in known:
        while await erasing.step(deps, ErasureId(one.id)):
            pass
    assert not has(await rows_of(deps), NUMBER)
    first, second = [await service.get_erasure(deps, one.id) for one in gone]
    assert first.rows > 0
    assert (second.rows, second.ended_at is not None) == (0, True)


async def test_a_version_that_may_not_know_every_table_leaves_an_erasure_to_the_newer_one(deps: Deps) -> None:
    made = await service.request_erasure(deps, NUMBER, by=ALICE, here=True)
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    with pytest.raises(SetupError, match="newer than this version"):
        await erasing.step(deps, made.id)
    assert (await service.get_erasure(deps, made.id)).ended_at is None


async def test_without_its_secret_key_an_erased_number_is_not_found(deps: Deps) -> None:
    made = await erased(deps)
    async with deps.db.transaction() as tx:
        await tx.execute("UPDATE erasure SET ended_at = NULL, due_at = requested_at")
    keyless = replace(deps, settings=msgspec.structs.replace(deps.settings, secret_key=None))
    with pytest.raises(Exception, match="the secret key it was made with is not here"):
        await erasing.step(keyless, made.id)
