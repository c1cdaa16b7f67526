"""Two runners of one erasure, as when a command is slow and a worker takes over: neither undoes what the other did."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from msgspec.structs import replace
from tests.domain.persons.erased_numbers import NUMBER, has, put_everywhere, rows_of
from tests.domain.persons.locked_tables import locked, waits_for
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.waiting import until

from callmark.domain.audit import sealing, service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, queries, service
from callmark.domain.persons.model import Erasure
from callmark.kit.fabric.client import Fabric
from callmark.kit.ids import new_id


async def begun(deps: Deps) -> Erasure:
    made = await service.request_erasure(deps, NUMBER, by=ALICE)
    await erasing.step(deps, made.id)
    return await service.get_erasure(deps, made.id)


async def finish(deps: Deps, one: Erasure) -> Erasure:
    while await erasing.step(deps, one.id):
        pass
    return await service.get_erasure(deps, one.id)


async def note_number(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await audit.note(tx, ALICE, AuditAction.NUMBERS_PROVEN, NUMBER, account_id=None, at=deps.clock.now())


async def test_one_that_is_behind_neither_begins_a_look_again_nor_skips_tables(deps: Deps) -> None:
    made = await service.request_erasure(deps, NUMBER, by=ALICE)
    first = await begun(deps)
    await erasing.step(deps, made.id)
    ahead = await service.get_erasure(deps, made.id)
    assert first.last_table == ""
    async with deps.db.transaction() as tx:
        await queries.begin_pass(tx, made, listed=True, number=1, table_count=1)
        await queries.begin_pass(tx, first, listed=True, number=2, table_count=1)
        await queries.update_progress(tx, first, 0, 1, "emulator.a", deps.clock.now())
    assert await service.get_erasure(deps, made.id) == ahead
    async with deps.db.transaction() as tx:
        await queries.begin_pass(tx, ahead, listed=False, number=2, table_count=ahead.table_count)
        await queries.update_progress(tx, ahead, 1, 1, "public.zzz", deps.clock.now())
    assert ((await service.get_erasure(deps, made.id)).last_table) == ""


async def test_what_one_finds_after_the_other_has_ended_stays_as_it_is(deps: Deps, engines: Engines) -> None:
    await note_number(deps)
    await sealing.seal_entries(deps)
    one = await begun(deps)
    async with locked(engines, "audit_entry"):
        slow = asyncio.create_task(finish(deps, one))
        await until(partial(waits_for, deps, "audit_entry"))
        async with deps.db.transaction() as tx:
            await queries.end_erasure(tx, one.id, deps.clock.now())
    assert (await slow).redacted == ()
    await sealing.seal_entries(deps)
    assert (await sealing.verify(deps)).faults == []


class Meanwhile:
    """A fabric before whose announcement something happens, once."""

    def __init__(self, deps: Deps, happens: Callable[[], Awaitable[None]]) -> None:
        self._deps = deps
        self._happens = [happens]

    async def announce(self, topic: str, message: bytes = b"") -> None:
        for happens in self._happens:
            self._happens = []
            await happens()
        await self._deps.fabric.announce(topic, message)


async def test_an_end_names_what_another_runner_has_just_found(deps: Deps) -> None:
    found = new_id()
    one = await begun(deps)

    async def find() -> None:
        async with deps.db.transaction() as tx:
            assert await queries.add_changes(tx, one.id, "audit_entry", 1, [found])

    while (last := await service.get_erasure(deps, one.id)).tables_done < last.table_count:
        await erasing.step(deps, one.id)
    assert await erasing.step(replace(deps, fabric=cast("Fabric", Meanwhile(deps, find))), one.id)
    done = await finish(deps, one)
    (entry,) = await audit.list_entries(deps, None, audit.AuditFilter(action="person.erased"))
    assert (done.pass_number, done.rows, entry.details["redacted"]) == (2, 1, [str(found)])


async def test_two_at_the_same_time_erase_everything(deps: Deps) -> None:
    await put_everywhere(deps, NUMBER)
    await note_number(deps)
    await sealing.seal_entries(deps)
    one = await begun(deps)
    await asyncio.gather(*(finish(deps, one) for _ in range(3)))
    await sealing.seal_entries(deps)
    assert not has(await rows_of(deps), NUMBER)
    assert (await sealing.verify(deps)).faults == []
