"""What is kept about a number, while it is read: the same JSON as of all at once."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta

import msgspec
import pytest
from starlette.types import Message
from tests.domain.persons.erased_numbers import NUMBER, erased, put_everywhere
from tests.domain.persons.exports import exported
from tests.support.factories import ALICE
from tests.support.kept_days import KEPT
from tests.support.table_rows import put_row
from tests.support.waiting import until

from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, exporting, queries, table_queries
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.queries import FoundRow
from callmark.domain.persons.spellings import Spellings
from callmark.domain.persons.table_queries import SearchedTable
from callmark.kit.postgres.partitions import keep_days
from callmark.surfaces.streaming import Streaming


async def told(deps: Deps) -> list[tuple[str, str, object]]:
    """What the audit log says of exports, oldest first."""
    entries = await audit.list_entries(deps, None, audit.AuditFilter(action="person.exported"))
    return [(one.action, one.subject, one.details["rows"]) for one in reversed(entries)]


async def test_an_export_has_what_an_erasure_would_take(deps: Deps) -> None:
    put = await put_everywhere(deps, NUMBER)
    made = await exported(deps)
    assert set(made["tables"]) == {name.partition(".")[0] for name in put}
    assert list(made) == ["phone_number", "exported_at", "is_listed", "tables"]
    assert (made["phone_number"], made["exported_at"], made["is_listed"]) == (NUMBER, "now", False)
    assert NUMBER in str(made["tables"]["call_record"])
    assert not {"token_sha256", "push_token"} & made["tables"]["registration"][0].keys()
    again = await exported(deps)
    assert again["tables"] == made["tables"]
    count = sum(map(len, made["tables"].values()))
    assert await told(deps) == [("person.exported", "…33", count)] * 2
    await erased(deps)
    assert (await exported(deps))["tables"] == {}


async def test_the_file_is_the_same_json_with_line_ends(deps: Deps) -> None:
    for put in (False, True):
        if put:
            await put_everywhere(deps, NUMBER)
        made = await exporting.export_person(deps, NUMBER, by=ALICE)
        text = b"".join([part async for part in exporting.indented(made)])
        assert text == msgspec.json.format(text)
        assert msgspec.json.decode(text)["tables"] == (await exported(deps))["tables"]


async def test_it_is_handed_on_table_by_table_and_noted_when_nobody_reads_on(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        for table in ("call", "registration"):
            column = "receiver_number" if table == "call" else "phone_number"
            await put_row(tx, table, deps.clock.now(), {column: NUMBER})
    made = await exporting.export_person(deps, NUMBER, by=ALICE)
    async with aclosing(exporting.as_json(made, "now")) as parts:
        begun = [await anext(parts) for _ in range(2)]
    assert begun[1].startswith(b'"call":[{')
    assert b"registration" not in b"".join(begun)
    assert await told(deps) == [("person.exported", "…33", 1)]


async def test_a_record_that_moves_to_its_day_meanwhile_is_in_the_export_once(deps: Deps) -> None:
    now = deps.clock.now()
    await keep_days(deps.db, now, KEPT)
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", now, {"receiver_number": NUMBER})
        await put_row(tx, "call_record", now, {"receiver_number": NUMBER, "ends_at": now + timedelta(days=20)})
    made = await exporting.export_person(deps, NUMBER, by=ALICE)
    async with aclosing(exporting.as_json(made, "now")) as parts:
        begun = [await anext(parts) for _ in range(2)]
        assert begun[1].startswith(b'"call":[{')
        await keep_days(deps.db, now, KEPT, many=1)
        whole = b"".join([*begun, *[part async for part in parts]])
    assert len(msgspec.json.decode(whole)["tables"]["call_record"]) == 1


async def test_a_day_that_is_dropped_meanwhile_has_nothing_to_export_or_erase(deps: Deps) -> None:
    await keep_days(deps.db, deps.clock.now(), KEPT)
    async with deps.db.connection() as tx:
        names = await table_queries.select_names(tx)
        days = [name for name in names if name.of_table == "call_record" and not name.is_rest][:2]
        (day, kept) = await table_queries.select_tables(tx, days)
        await tx.execute(f"DROP TABLE {day.name}")
        assert await table_queries.select_tables(tx, days) == [kept]
        assert await queries.select_rows(tx, day, NUMBER, range(1)) == []
        assert await queries.select_digit_runs(tx, day, range(1)) == set()
        assert await queries.select_as_sent(tx, day, range(1)) == []
    async with deps.db.transaction() as tx:
        assert await queries.lock_rows(tx, day, NUMBER, range(1)) == []


async def test_a_table_that_another_replaced_meanwhile_is_searched(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await tx.execute("CREATE TABLE note (text text); CREATE TABLE other (text text, about text)")
        names = [name for name in await table_queries.select_names(tx) if name.of_table == "note"]
        await tx.execute("DROP TABLE note; ALTER TABLE other RENAME TO note")
        (found,) = await table_queries.select_tables(tx, names)
    assert found.every_column == ("text", "about")


async def test_the_end_is_noted_though_starlette_cancels_whatever_waits_when_a_browser_hangs_up(deps: Deps) -> None:
    await put_everywhere(deps, NUMBER)
    hung_up = asyncio.Event()

    async def receive() -> Message:
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and b'"tables"' not in message["body"]:  # a row of the first table
            hung_up.set()

    made = await exporting.export_person(deps, NUMBER, by=ALICE)
    await Streaming(exporting.indented(made))({"type": "http"}, receive, send)
    await until(lambda: told(deps))


async def test_an_export_of_which_nothing_is_read_is_noted_too(deps: Deps) -> None:
    made = await exporting.export_person(deps, NUMBER, by=ALICE)
    (entry,) = await audit.list_entries(deps, None, audit.AuditFilter(action="person.export_begun"))
    assert (entry.subject, await told(deps)) == ("…33", [])
    await made.tables.aclose()


@pytest.mark.parametrize("do", [exported, erased])
async def test_a_text_that_takes_long_to_read_lets_nobody_wait(
    deps: Deps, do: Callable[[Deps], Awaitable[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "call_record", deps.clock.now(), {"submitted": f'"+{NUMBER}"', "outcome": "invalid"})
    places, threads = Spellings.places, set[int]()

    def read(self: Spellings, text: str, *, only_sure: bool = False) -> list[tuple[int, int]]:
        threads.add(threading.get_ident())
        return places(self, text, only_sure=only_sure)

    monkeypatch.setattr(Spellings, "places", read)
    await do(deps)
    assert threads
    assert threading.get_ident() not in threads


async def test_an_erasure_begins_no_thread_for_a_row_without_a_text_as_it_was_sent(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_everywhere(deps, NUMBER)
    decide, in_threads = erasing.decide, dict[bool, set[bool]]()

    def noted(table: SearchedTable, row: FoundRow, mask: NumberMask, *, is_listed: bool) -> erasing.Decision:
        is_sent = bool(table.as_sent and row.values[table.as_sent])
        in_threads.setdefault(is_sent, set()).add(threading.current_thread() is not threading.main_thread())
        return decide(table, row, mask, is_listed=is_listed)

    monkeypatch.setattr(erasing, "decide", noted)
    await erased(deps)
    assert in_threads == {True: {True}, False: {False}}
