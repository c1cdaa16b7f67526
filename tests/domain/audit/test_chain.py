"""The audit log as a chain: sealed in the order of its commits, and every way to change it afterwards is found."""

import asyncio
from datetime import timedelta
from typing import LiteralString

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.support.cases import each
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock

from callmark.domain.audit import chain, sealing, service as audit
from callmark.domain.audit.chain import AuditSeal
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.kit.errors import InvalidInput
from callmark.kit.postgres.piecewise import PIECE

COUNT = 7


class Log(Struct):
    """An audit log of seven entries, all of them sealed."""

    deps: Deps

    async def note(self, subject: str, **facts: object) -> None:
        async with self.deps.db.transaction() as tx:
            await audit.note(
                tx,
                ALICE,
                AuditAction.LABEL_CREATED,
                subject,
                account_id=None,
                at=self.deps.clock.now(),
                name="Ä",
                **facts,
            )

    async def run(self, statement: LiteralString) -> None:
        async with self.deps.db.connection() as tx:
            assert not (await tx.execute(statement)).endswith(" 0")

    async def faults(self, *anchors: AuditSeal) -> list[tuple[int, str]]:
        found = await sealing.verify(self.deps, anchors)
        assert found.is_intact == (not found.faults)
        return [(one.number, one.what) for one in found.faults]


@pytest.fixture
async def log(deps: Deps) -> Log:
    made = Log(deps)
    for number in range(1, COUNT + 1):
        await made.note(f"label {number}")
    assert await sealing.seal_entries(deps) == COUNT
    assert await made.faults() == []
    return made


async def test_entries_are_sealed_once_in_one_chain_however_many_seal_at_once(log: Log) -> None:
    await asyncio.gather(*(log.note(f"more {number}") for number in range(12)))
    counts = await asyncio.gather(*(sealing.seal_entries(log.deps) for _ in range(4)))
    assert sum(counts) == 12
    found = await sealing.verify(log.deps)
    assert (found.checked, found.head.number, found.faults) == (COUNT + 12, COUNT + 12, [])


async def test_entries_of_before_the_upgrade_are_sealed_by_the_first_run(deps: Deps, log: Log) -> None:
    await log.run("UPDATE audit_entry SET seal_number = NULL, content_sha256 = NULL, seal_sha256 = NULL")
    await log.run("UPDATE audit_head SET seal_number = 0, seal_sha256 = decode(repeat('00', 32), 'hex')")
    assert await sealing.seal_entries(deps) == COUNT
    assert await log.faults() == []


CHANGED = "what it says was changed after it was sealed"
OTHER_HEAD = "the newest seal is not the one that was made"
UNFIT = "its seal does not fit the one before it"
PRUNED_IN_SECRET: LiteralString = (
    "WITH gone AS (DELETE FROM audit_entry WHERE seal_number <= 4 RETURNING 1)"
    " INSERT INTO audit_checkpoint SELECT seal_number, seal_sha256, 4, at FROM audit_entry WHERE seal_number = 4"
)
TAMPERINGS: list[tuple[LiteralString, list[tuple[int, str]]]] = [
    ("UPDATE audit_entry SET subject = 'another' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET actor_email = 'bob@acme.example' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET by_operator = NOT by_operator WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET action = 'label.deleted' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET details = '{}' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET address = '192.0.2.1' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET at = at - interval '1 microsecond' WHERE seal_number = 3", [(3, CHANGED)]),
    ("UPDATE audit_entry SET id = gen_random_uuid() WHERE seal_number = 3", [(3, CHANGED)]),
    ("DELETE FROM audit_entry WHERE seal_number = 1", [(2, "entry 1 is missing")]),
    ("DELETE FROM audit_entry WHERE seal_number IN (3, 4)", [(5, "entries 3 to 4 are missing")]),
    ("DELETE FROM audit_entry WHERE seal_number > 5", [(7, "entries 6 to 7 are missing")]),
    ("DELETE FROM audit_entry", [(7, "entries 1 to 7 are missing")]),
    (
        "UPDATE audit_entry SET seal_number = seal_number + 100 WHERE seal_number = 3",
        [(4, "entry 3 is missing"), (103, "entries 8 to 102 are missing"), (7, OTHER_HEAD)],
    ),
    ("UPDATE audit_entry SET content_sha256 = NULL WHERE seal_number = 3", [(3, UNFIT), (3, CHANGED)]),
    ("UPDATE audit_entry SET seal_sha256 = sha256('') WHERE seal_number = 3", [(3, UNFIT), (4, UNFIT)]),
    (
        "UPDATE audit_entry SET redacted_at = at, subject = '' WHERE seal_number = 3",
        [(3, "it was redacted, and no entry of an erasure names it")],
    ),
    (
        PRUNED_IN_SECRET,
        [(4, "older entries were deleted, and no entry says so")],
    ),
    (
        "UPDATE audit_head SET seal_number = 9",
        [(9, "entries 8 to 9 are missing")],
    ),
]  # fmt: skip


KEPT: tuple[LiteralString, ...] = ("audit_entry", "audit_head", "audit_checkpoint")


async def test_every_tampering_is_found_at_its_place(log: Log) -> None:
    async with log.deps.db.connection() as tx:
        for table in KEPT:
            await tx.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")

    async def is_found(case: tuple[LiteralString, list[tuple[int, str]]]) -> None:
        statement, faults = case
        async with log.deps.db.transaction() as tx:
            for table in KEPT:
                await tx.execute(f"DELETE FROM {table}")
                await tx.execute(f"INSERT INTO {table} TABLE kept_{table}")
        await log.run(statement)
        assert await log.faults() == faults

    await each(TAMPERINGS, is_found)
    async with log.deps.db.connection() as tx:
        for table in KEPT:
            await tx.execute(f"DROP TABLE kept_{table}")


async def test_two_entries_that_changed_places_are_found(log: Log) -> None:
    await log.run("UPDATE audit_entry SET seal_number = -seal_number WHERE seal_number IN (3, 5)")
    await log.run("UPDATE audit_entry SET seal_number = 8 + seal_number WHERE seal_number < 0")
    assert {number for number, what in await log.faults() if what == UNFIT} == {3, 4, 5, 6}


async def test_a_deleted_tail_leaves_a_gap_that_new_entries_do_not_close(log: Log) -> None:
    await log.run("DELETE FROM audit_entry WHERE seal_number = 7")
    await log.note("next")
    await sealing.seal_entries(log.deps)
    assert await log.faults() == [(8, "entry 7 is missing")]


async def test_a_chain_that_was_computed_again_differs_from_the_anchor_that_was_kept(log: Log) -> None:
    kept = await sealing.newest_seal(log.deps)
    await log.run("UPDATE audit_entry SET subject = 'another' WHERE seal_number = 3")
    await log.run("UPDATE audit_entry SET seal_number = NULL")
    await log.run("UPDATE audit_head SET seal_number = 0, seal_sha256 = decode(repeat('00', 32), 'hex')")
    await sealing.seal_entries(log.deps)
    assert await log.faults() == []
    assert await log.faults(kept) == [(COUNT, "its seal is another than the anchor that was kept")]
    newer = AuditSeal(COUNT + 1, bytes(32))
    assert await log.faults(newer) == [
        (COUNT + 1, "the anchor is newer than the chain, so entries are missing at its end")
    ]


async def test_anchors_of_a_log_that_goes_on_hold(log: Log) -> None:
    first = await sealing.newest_seal(log.deps)
    await log.note("next")
    second = await sealing.newest_seal(log.deps)
    text = "".join(f"{one.number} {one.sha256.hex()}\n" for one in (first, second))
    assert chain.parse_anchors(f"# kept by hand\n\n{text}") == [first, second]
    assert await log.faults(first, second) == []
    with pytest.raises(InvalidInput, match="line 2"):
        chain.parse_anchors(f"{first.number} {first.sha256.hex()}\nnine {second.sha256.hex()}")


async def test_an_entry_without_a_seal_is_a_fault_after_a_minute(log: Log, clock: FakeClock) -> None:
    await log.note("next")
    found = await sealing.verify(log.deps)
    assert (found.unsealed, found.faults) == (1, [])
    async with log.deps.db.connection() as tx:
        assert (await sealing.check(tx, clock.now())).ok
        clock.advance(timedelta(minutes=2))
        assert not (await sealing.check(tx, clock.now())).ok
    assert await log.faults() == [(COUNT, "1 entries are older than a minute and have no seal")]


async def test_what_is_left_after_pruning_can_be_verified(log: Log, clock: FakeClock) -> None:
    deps = replace(log.deps, settings=msgspec.structs.replace(log.deps.settings, audit_retention_days=30))
    before = await sealing.newest_seal(deps)
    assert await sealing.prune(deps) == 0
    clock.advance(timedelta(days=20))
    await log.note("young")
    clock.advance(timedelta(days=11))
    assert await sealing.prune(deps) == COUNT
    found = await sealing.verify(deps, [before])
    assert (found.since, found.checked, found.faults) == (before, 2, [])
    assert await sealing.prune(deps) == 0
    clock.advance(timedelta(days=31))
    await log.note("younger")
    assert await sealing.prune(deps) == 2
    assert await log.faults() == []
    newest, _ = await audit.list_entries(deps, None, audit.AuditFilter())
    assert (newest.action, newest.details["entries"]) == ("audit.pruned", 2)
    await log.run("UPDATE audit_checkpoint SET seal_sha256 = sha256('') WHERE seal_number = 9")
    assert UNFIT in [what for _, what in await log.faults()]


async def test_an_entry_of_a_clock_that_was_ahead_keeps_no_later_one_from_being_pruned(
    log: Log, clock: FakeClock
) -> None:
    deps = replace(log.deps, settings=msgspec.structs.replace(log.deps.settings, audit_retention_days=30))
    clock.advance(timedelta(days=3650))
    await log.note("of a host whose clock is ahead")
    clock.advance(timedelta(days=-3650))
    await sealing.seal_entries(deps)
    await log.note("after it")
    clock.advance(timedelta(days=29))
    assert await sealing.prune(deps) == 0
    clock.advance(timedelta(days=2))
    assert await sealing.prune(deps) == COUNT + 2
    assert await log.faults() == []


MANY: LiteralString = """
INSERT INTO audit_entry (id, account_id, actor_email, by_operator, action, subject, details, address, at)
SELECT lpad(to_hex(n), 32, '0')::uuid, account_id, actor_email, by_operator, action, subject, details, address, at
FROM audit_entry, generate_series(1, 9996) n WHERE seal_number = 7
"""


async def test_many_entries_are_pruned_in_pieces_each_of_which_is_noted(log: Log, clock: FakeClock) -> None:
    deps = replace(log.deps, settings=msgspec.structs.replace(log.deps.settings, audit_retention_days=30))
    await log.run(MANY)
    clock.advance(timedelta(days=31))
    assert await sealing.prune(deps) == PIECE + 3
    assert await log.faults() == []
    newest, before = await audit.list_entries(deps, None, audit.AuditFilter())
    assert [one.details["entries"] for one in (newest, before)] == [3, PIECE]


async def test_without_a_setting_nothing_is_pruned(log: Log, clock: FakeClock) -> None:
    clock.advance(timedelta(days=4000))
    assert await sealing.prune(log.deps) == 0
