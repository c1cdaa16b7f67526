"""Counts the records that calls showed, and those that were answered, into the figures of their days."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from callmark.domain.calls import queries
from callmark.domain.calls.model import LATE_AFTER
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation.daily_figures import service as record_figures
from callmark.domain.personalisation.daily_figures.service import DailyFigures
from callmark.kit.clock_watch import AHEAD_WITHIN, TRUSTED_WITHIN
from callmark.kit.postgres.database import Row, Tx

BEHIND = LATE_AFTER + TRUSTED_WITHIN
"""How long after something became known of a call it is counted.

By then what is counted with its first report is there, also from a process whose clock is as far behind as is trusted.
"""
_A_STEP = 2_000
_MOST_STEPS = 25
_TAIL = 2_000
"""What a page counts itself, of all accounts: a call does not say whose record it showed."""
_TAIL_READ = 20_000
"""What it reads for it: most calls may have shown no record, and no worker may count them."""


async def read_days(deps: Deps, account_id: AccountId) -> DailyFigures:
    """The account's last days, with what became known of calls in the last minutes."""
    found = await record_figures.read_days(deps, account_id)
    async with deps.db.connection() as tx:
        mark = await record_figures.read_calls_mark(tx)
        until = deps.clock.now() + timedelta(seconds=1)
        reached = await queries.known_at_after(tx, mark, until, _TAIL_READ)
        rows = await queries.firsts_between(tx, mark, reached or until, _TAIL, only_records=True)
        own = [one for one in await _counted(tx, rows) if one[0] == account_id]
    return record_figures.with_calls(found, own, are_all=reached is None and len(rows) < _TAIL)


async def count_calls(deps: Deps) -> None:
    """Counts what became known of calls, in that order and in steps of bounded size.

    First takes back what a clock counted that was ahead, as it is done with batches: these calls come again.
    """
    for step in (_take_back, _count):
        for _ in range(_MOST_STEPS):
            if not await step(deps):
                break


async def _count(deps: Deps) -> bool:
    async with deps.db.transaction() as tx:
        mark = await record_figures.lock_calls_mark(tx)
        rows = await queries.firsts_between(tx, mark, deps.clock.now() - BEHIND, _A_STEP)
        await record_figures.add_calls(tx, await _counted(tx, rows))
        if rows:
            await record_figures.set_calls_mark(tx, rows[-1]["known_at"], rows[-1]["id"])
    return len(rows) == _A_STEP


async def _take_back(deps: Deps) -> bool:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        if not await record_figures.is_calls_mark_ahead(tx, now + AHEAD_WITHIN):
            return False
        rows = await queries.firsts_back(tx, now, await record_figures.lock_calls_mark(tx), _A_STEP)
        await record_figures.take_calls_back(tx, await _counted(tx, rows))
        is_more = len(rows) == _A_STEP
        to = (rows[-1]["known_at"], UUID(int=rows[-1]["id"].int - 1)) if is_more else (now, UUID(int=0))
        await record_figures.set_calls_mark(tx, *to)
    return is_more


async def _counted(tx: Tx, rows: Sequence[Row]) -> list[tuple[AccountId, date, str, int]]:
    """What each call adds: a record counts once as shown and once as answered, with the first such call."""
    told = [row for row in rows if row["is_first_shown"] or row["is_first_answered"]]
    if not told:
        return []
    at = [row["reported_at"] for row in told]
    around: tuple[datetime, datetime] = min(at), max(at)
    owners = await record_figures.owners_of(tx, [(row["record_id"], row["receiver_number"]) for row in told], around)
    return list(_added(told, owners))


def _added(rows: Iterable[Row], owners: dict[UUID, UUID]) -> Iterable[tuple[AccountId, date, str, int]]:
    for row in rows:
        owner = owners.get(row["record_id"])
        if owner is None:
            continue
        for name in ("shown", "answered"):
            if row[f"is_first_{name}"]:
                yield AccountId(owner), row["reported_at"].date(), name, 1
