"""Erases a number from every table, one table after the other, and looks again until a look finds nothing.

What is done is written with each step, so the next worker after a kill continues where it stopped. An erasure ends only
after a look at every table that changed nothing.
"""

from asyncio import sleep, to_thread
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, TypeVar
from uuid import UUID

import structlog
from msgspec import Struct

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import ErasureId
from callmark.domain.log_downloads import jobs as log_downloads
from callmark.domain.persons import keys, queries, table_queries
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.model import (
    LISTED_TOO,
    MOST_PASSES,
    RULES,
    TAKEN_OVER_AFTER,
    WHOLE,
    Erasure,
    digest_of,
)
from callmark.domain.persons.queries import PLACES, FoundRow
from callmark.domain.persons.spellings import numbers_in
from callmark.domain.persons.table_queries import SearchedTable, TableName
from callmark.domain.policy.model import SYSTEM
from callmark.domain.work_names import WorkName
from callmark.kit.errors import SetupError, Unavailable, found
from callmark.kit.long_lists import pieces
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import check_steps
from callmark.kit.work import Claimed, Work

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

STEP_BLOCKS = 2048
"""Blocks that are read in one transaction, with those of long values: about 16 MB."""
MOST_SENT = 4 * 1024 * 1024
"""Bytes as they were sent that are searched in one transaction, unless a single row has more: they are compressed on
disk, and Python takes half a second for a megabyte."""
_MOST_TABLES = 20
"""Small ones are done together."""
_AUDIT = "audit_entry"
_PREVIEWED = "file_draft"
_PAUSE = timedelta(minutes=1)
"""Before it is tried again where the secret key is missing."""
Note = Callable[[Erasure], Awaitable[None]]
LengthsIn = Callable[[range], Awaitable[Sequence[tuple[int, int]]]]
"""The rows of some places, each with its length."""


class Decision(Struct, frozen=True):
    """What happens to a row: it is deleted, or gets other values; None: it stays as it is.

    One that is deleted and has values is not about the person alone.
    """

    deletes: bool
    values: dict[str, object] | None

    @property
    def is_about_others(self) -> bool:
        """Whether the row is about other persons too, as far as anybody knows."""
        return bool(self.values)

    @property
    def changes(self) -> bool:
        """Whether anything becomes of it."""
        return self.deletes or bool(self.values)


def erasures(deps: Deps) -> Work:
    """The work of erasing, one number after the other."""

    async def run(claimed: Claimed) -> None:
        while await step(deps, ErasureId(claimed.row["id"])):
            pass

    return Work(name=WorkName.ERASURES, table="erasure", key="id", columns="id", run=run, at_once=1, retry_after=_PAUSE)


async def run_here(deps: Deps, erasure_id: ErasureId, note: Note) -> Erasure:
    """Does all of it in this process; `note` gets it after each table."""
    while await step(deps, erasure_id):
        await note(await _read(deps, erasure_id))
    return await _read(deps, erasure_id)


async def step(deps: Deps, erasure_id: ErasureId) -> bool:
    """The next tables; False when it has ended. Safe to repeat and beside another one that does the same.

    Raises SetupError beside a newer version, whose tables it would not look into: a worker of that one does it.
    """
    one = await _read(deps, erasure_id)
    if one.ended_at is not None:
        return False
    async with deps.db.connection() as tx:
        await check_steps(tx, beside=False)
    if one.phone_number is None:
        return await _find_number(deps, one)
    if one.last_table is None:
        await _begin(deps, one, one.phone_number, 1)
        return True
    async with deps.db.connection() as tx:
        names = await table_queries.select_names(tx)
        left = [name for name in names if name.key > one.last_table]
        near = await table_queries.select_tables(tx, _to_rest(left[:_MOST_TABLES]))
    if not near:  # some are left where days were dropped meanwhile
        return bool(left) or await _end_pass(deps, one, one.phone_number)
    part, mask = _next_part(near), NumberMask(one.phone_number, keeps_business=one.is_listed)
    try:
        for table in part:
            await _erase_in(deps, one, table, mask)
    except _EndedMeanwhile:
        return False
    done, due_at = len(names) - len(left) + len(part), deps.clock.now() + TAKEN_OVER_AFTER
    async with deps.db.connection() as tx:
        await queries.update_progress(tx, one, done, len(names), part[-1].key, due_at)
    return True


def _next_part(near: Sequence[SearchedTable]) -> Sequence[SearchedTable]:
    """The next table, with those after it that are small."""
    sizes = accumulate(table.size for table in near)
    return near[: max(sum(size <= STEP_BLOCKS for size in sizes), 1)]


def _to_rest(names: Sequence[TableName]) -> Sequence[TableName]:
    """The first ones, to the first rest: behind it there may be new days, and rows that have moved into them."""
    rest = next((place for place, name in enumerate(names, 1) if name.is_rest), len(names))
    return names[:rest]


async def every_table(deps: Deps, order: Callable[[TableName], Any]) -> AsyncGenerator[SearchedTable]:
    """Every table, in an order that has the rest of a table before its days: no row that moves is missed."""
    last: TableName | None = None
    while True:
        async with deps.db.connection() as tx:
            names = sorted(await table_queries.select_names(tx), key=order)
            near = _to_rest([name for name in names if last is None or order(name) > order(last)])
            tables = await table_queries.select_tables(tx, near)
        if not near:
            return
        last = near[-1]
        for table in tables:
            yield table


async def _begin(deps: Deps, one: Erasure, number: PhoneNumber, pass_number: int) -> None:
    """Download files go with every look, and are made again when they are asked for; previewed files go too.

    Those of other hosts are no longer read once the erasure has ended: see `log_downloads.jobs.forget_old_files`.
    A workbook is compressed, and a text may be in any encoding, so no search finds every number in them.
    """
    await log_downloads.delete_every_file(deps)
    async with deps.db.transaction() as tx:
        if count := await queries.delete_previewed_files(tx):
            await queries.add_changes(tx, one.id, _PREVIEWED, count, [])
        listed, names = await queries.is_listed(tx, number), await table_queries.select_names(tx)
        await queries.begin_pass(tx, one, listed=listed, number=pass_number, table_count=len(names))


async def _end_pass(deps: Deps, one: Erasure, number: PhoneNumber) -> bool:
    await handsets.recheck(deps)
    if one.pass_changes and one.pass_number < MOST_PASSES:
        await _begin(deps, one, number, one.pass_number + 1)
        return True
    return await _finish(deps, one)


async def _finish(deps: Deps, one: Erasure) -> bool:
    """Ends it; True when another runner has found something meanwhile, or has begun the next look."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        last = found(await queries.lock_erasure(tx, one.id))
        if last.ended_at is not None:
            return False
        is_later = (last.pass_number, last.last_table) != (one.pass_number, one.last_table)
        if is_later or (last.pass_changes and last.pass_number < MOST_PASSES):
            return True
        await queries.end_erasure(tx, one.id, now)
        facts = {"rows": last.rows, "is_listed": last.is_listed, "redacted": [str(id_) for id_ in last.redacted]}
        await audit.note(tx, SYSTEM, AuditAction.PERSON_ERASED, str(one.id), account_id=None, at=now, **facts)
    log.info("person_erased", erasure=str(one.id), rows=last.rows, passes=last.pass_number)
    return False


class _EndedMeanwhile(Exception):
    """Another runner has ended the erasure: what this one changes would be named nowhere."""


async def _erase_in(deps: Deps, one: Erasure, table: SearchedTable, mask: NumberMask) -> None:
    async def erase(places: range) -> None:
        async with deps.db.transaction() as tx:
            count, redacted = 0, list[UUID]()
            for row in await queries.lock_rows(tx, table, mask.number, places):
                decision = await _decided(table, row, mask, is_listed=one.is_listed)
                if decision.changes:
                    redacted += await _carry_out(tx, table, row, decision, deps.clock.now())
                    count += 1
            if count and not await queries.add_changes(tx, one.id, table.of_table, count, redacted):
                raise _EndedMeanwhile

    async for _ in in_steps(table, erase, lengths_of(deps, table, mask.number)):
        pass


async def _decided(table: SearchedTable, row: FoundRow, mask: NumberMask, *, is_listed: bool) -> Decision:
    """A long text as it was sent takes a while, and nothing else in this process may wait for it.

    To begin a thread takes longer than anything else of a row, while it and those of its step are locked. Thousands of
    rows of a step take a while too, so other work comes between them.
    """
    await sleep(0)
    if row.values.get(table.as_sent or ""):
        return await to_thread(decide, table, row, mask, is_listed=is_listed)
    return decide(table, row, mask, is_listed=is_listed)


async def _carry_out(tx: Tx, table: SearchedTable, row: FoundRow, decision: Decision, now: datetime) -> list[UUID]:
    """Deletes or changes the row; the ids of the audit entries among them."""
    if decision.deletes:
        await queries.delete_row(tx, table, row)
        return []
    values = decision.values or {}
    redacted: list[UUID] = []
    if table.of_table == _AUDIT:
        redacted, values = [await queries.find_entry_id(tx, row)], values | {"redacted_at": now}
    await queries.update_row(tx, table, row, values)
    return redacted


def decide(table: SearchedTable, row: FoundRow, mask: NumberMask, *, is_listed: bool) -> Decision:
    """What happens to a row that has the digits somewhere."""
    values = row.values
    rule = RULES.get(table.of_table)
    if rule and any(values.get(name) == mask.number for name in rule.of(is_listed=is_listed)):
        return Decision(deletes=True, values=None)
    goes_whole = table.of_table in WHOLE
    if is_listed and rule is None and not goes_whole and table.of_table not in LISTED_TOO:
        return Decision(deletes=False, values=None)
    masked = {name: _masked(table, row, name, mask) for name in values}
    left = rule.as_business if rule and is_listed else ()
    changed = {name: new for name, new in masked.items() if new != values[name] and name not in left}
    needed = table.keys.union(rule.as_business if rule and rule.needs_business else ())
    return Decision(deletes=bool(changed) and (goes_whole or not needed.isdisjoint(changed)), values=changed or None)


def _masked(table: SearchedTable, row: FoundRow, name: str, mask: NumberMask) -> object:
    value = row.values[name]
    if isinstance(value, str) and table.columns[name] in {"json", "jsonb"}:
        return mask_of(table, row, name, mask).json(value, table.first_member if name == table.as_sent else "")
    return mask.plain(value)


def mask_of(table: SearchedTable, row: FoundRow, name: str, mask: NumberMask) -> NumberMask:
    """The mask for a column of the row."""
    return mask.reading(row.region) if name == table.as_sent else mask


def ranges_of(table: SearchedTable) -> Iterator[range]:
    """The table's places in parts; what is added meanwhile is for the next look."""
    step = max(STEP_BLOCKS * table.blocks // max(table.size, 1), 1)
    for start in range(0, max(table.blocks, 1), step):
        yield range(start * PLACES, (start + step) * PLACES)


def lengths_of(deps: Deps, table: SearchedTable, number: PhoneNumber | None) -> LengthsIn | None:
    """What finds long texts for `in_steps`; None for a table without a column that is as it was sent."""
    if not table.as_sent:
        return None

    async def lengths(places: range) -> Sequence[tuple[int, int]]:
        async with deps.db.connection() as tx:
            return await queries.select_lengths(tx, table, number, places)

    return lengths


def shares_of(places: range, lengths: Sequence[tuple[int, int]]) -> list[range]:
    """The places in parts with at most `MOST_SENT` bytes, or one row: `lengths` are their rows, each with its bytes."""
    starts, size = [places.start], 0
    for at, length in lengths:
        if size and size + length > MOST_SENT:
            starts.append(at)
            size = 0
        size += length
    return [range(*ends) for ends in pairwise([*starts, places.stop])]


async def in_steps(
    table: SearchedTable, do: Callable[[range], Awaitable[_T]], lengths: LengthsIn | None = None
) -> AsyncGenerator[_T]:
    """Does it for every part of the table; one that takes too long is done in halves, down to a single place.

    Else a part with very long values would be tried again without end. With `lengths` (`shares_of`) a part with much
    text is done in several. Raises Unavailable.
    """
    left = [(places, lengths) for places in ranges_of(table)][::-1]
    while left:
        places, unknown = left.pop()
        try:
            if unknown and len(shares := shares_of(places, await unknown(places))) > 1:
                left += [(share, None) for share in reversed(shares)]
                continue
            done = await do(places)
        except Unavailable as exc:
            if len(places) == 1 or not isinstance(exc.__cause__, TimeoutError):
                raise
            log.info("person_step_halved", table=table.key, places=len(places))
            half = places.start + len(places) // 2
            left += [(range(half, places.stop), unknown), (range(places.start, half), unknown)]
        else:
            yield done


async def _find_number(deps: Deps, one: Erasure) -> bool:
    """Looks for the numbers of all erasures that have digests alone, as after a restore; those not there have ended.

    Raises SetupError without the secret key that their keys were encrypted with.
    """
    async with deps.db.connection() as tx:
        nameless = await queries.select_nameless(tx)
    by_key: dict[bytes, dict[bytes, Erasure]] = {}
    for other in nameless:
        if (key := keys.opened(deps.settings, other.sealed_key)) is not None:
            by_key.setdefault(key, {})[other.digest] = other
        elif other.id == one.id:
            raise SetupError("an erasure cannot be done again: the secret key it was made with is not here")
    async for table in every_table(deps, lambda table: table.key):
        await _look_for_digests(deps, table, by_key)
    for other in (other for wanted in by_key.values() for other in wanted.values()):
        if (left := await _read(deps, other.id)).phone_number is None:
            await _finish(deps, left)
    return (await _read(deps, one.id)).ended_at is None


async def _look_for_digests(deps: Deps, table: SearchedTable, by_key: Mapping[bytes, Mapping[bytes, Erasure]]) -> None:
    async def look(places: range) -> None:
        async with deps.db.connection() as tx:
            found = await queries.select_digit_runs(tx, table, places)
            sent = await queries.select_as_sent(tx, table, places) if table.as_sent else ()
        if sent:
            found |= await to_thread(_numbers_in, sent, table.first_member)
        known = await to_thread(_known_among, found, by_key)
        async with deps.db.transaction() as tx:
            for other, digits in known:
                await queries.update_number(tx, other.id, digits)

    async for _ in in_steps(table, look, lengths_of(deps, table, None)):
        pass


def _known_among(found: set[str], by_key: Mapping[bytes, Mapping[bytes, Erasure]]) -> list[tuple[Erasure, str]]:
    return [
        (known, digits)
        for digits in found
        for key, wanted in by_key.items()
        if (known := wanted.get(digest_of(key, digits)))
    ]


def _numbers_in(sent: Sequence[tuple[str, str]], first_member: str) -> set[str]:
    """Every number in these texts, each with its region."""
    lists = ((one, region) for text, region in sent for one in (pieces(text, first_member) if first_member else [text]))
    return set[str]().union(*(numbers_in(text, region) for text, region in lists))


async def _read(deps: Deps, erasure_id: ErasureId) -> Erasure:
    async with deps.db.connection() as tx:
        return found(await queries.select_erasure(tx, erasure_id), "no erasure with this id")
