"""Figures of an account by day: counted behind the pushing, read at once (docs/decisions/0011-home-figures.md).

A job follows the batches in the order of their ids and counts each once, when it is done; what handsets take late is
found by an index of its own; calls are added by `calls`. A page reads sums of days and counts the newest batches, which
the job has not reached, itself, as long as they are few.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation import daily_queries as day_queries
from callmark.domain.personalisation.daily_queries import Added
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.domain.work_names import WorkName
from callmark.kit.clock import to_ms
from callmark.kit.db import Tx
from callmark.kit.phone import PhoneNumber

log = structlog.get_logger(__name__)

DAYS = 30
_KEPT_DAYS = 400
_SKEW = timedelta(seconds=5)
"""How long ago an id may have been made, by clocks a little apart, before its transaction began to write."""
_IN_FLIGHT = timedelta(seconds=30)
"""How long a statement that was given its instant may take to be committed."""
_BATCHES_A_STEP = 2_000
_RECORDS_A_STEP = 20_000
_MOST_STEPS = 25
_TAIL_BATCHES = 200
_TAIL_RECORDS = 5_000
_FAILURES = (
    Outcome.NOT_REGISTERED,
    Outcome.OS_NOT_SUPPORTED,
    Outcome.APP_VERSION_NOT_SUPPORTED,
    Outcome.FAILED_TO_PUSH,
)


@dataclass(frozen=True)
class Figures:
    """How many of a day's records got how far. `waiting` have no outcome yet; `pushed` are on their handset.

    `shown` and `answered` count records on the day of the first such call; the others on the day of acceptance.
    """

    day: date
    accepted: int = 0
    invalid: int = 0
    pushed: int = 0
    late: int = 0
    waiting: int = 0
    shown: int = 0
    answered: int = 0
    failures: Mapping[Outcome, int] = field(default_factory=dict[Outcome, int])

    @property
    def valid(self) -> int:
        """Judged good."""
        return self.accepted - self.invalid

    @property
    def failed(self) -> int:
        """Judged good and not on their handset, for whatever reason."""
        return sum(self.failures.values())


@dataclass(frozen=True)
class Days:
    """The last days, today last. `is_behind`: so much is coming in that the newest is not counted yet."""

    days: list[Figures]
    is_behind: bool

    @property
    def today(self) -> Figures:
        """The last of the days."""
        return self.days[-1]


async def read_days(deps: Deps, account_id: AccountId, count: int = DAYS) -> Days:
    """The account's last `count` days (UTC, by the product clock). Bounded work however many records there are."""
    today = deps.clock.now().date()
    since = today - timedelta(days=count - 1)
    sums: dict[date, dict[str, int]] = {since + timedelta(days=i): {} for i in range(count)}
    async with deps.db.connection() as tx:
        _, mark = await day_queries.read_mark(tx, "batches")
        rows = await day_queries.select_days(tx, account_id, since)
        waiting = [(row["accepted_at"], row["record_count"]) for row in await day_queries.waiting_of(tx, account_id)]
        newest = await day_queries.newest_batches(tx, account_id, _TAIL_BATCHES)
        tail, is_behind = _tail(newest, mark)
        done = [batch for batch, is_done in tail if is_done]
        outcomes = await day_queries.outcomes_of(tx, done)
    for row in rows:
        if row["day"] in sums:
            _sum(sums[row["day"]], {name: row[name] for name in day_queries.COUNTS})
    for batch in done:
        _sum(sums.get(batch.accepted_at.date(), {}), {"accepted": batch.record_count, **outcomes.get(batch.id, {})})
    waiting += [(batch.accepted_at, batch.record_count) for batch, is_done in tail if not is_done]
    for at, records in waiting:
        _sum(sums.get(at.date(), {}), {"accepted": records, "waiting": records})
    return Days([_figures(day, counts) for day, counts in sums.items()], is_behind)


def add_to_today(days: Days, *, shown: int, answered: int) -> Days:
    """With what calls showed since they were counted last."""
    today = replace(days.today, shown=days.today.shown + shown, answered=days.today.answered + answered)
    return Days([*days.days[:-1], today], days.is_behind)


def _tail(newest: Sequence[tuple[Batch, bool]], mark: UUID) -> tuple[list[tuple[Batch, bool]], bool]:
    """What the job has not reached of the newest batches, if it is little; whether it is too much to count now."""
    tail = [one for one in newest if one[0].id > mark]
    too_much = len(tail) == _TAIL_BATCHES or sum(batch.record_count for batch, _ in tail) > _TAIL_RECORDS
    return ([], True) if too_much else (tail, False)


def _sum(into: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _figures(day: date, counts: Mapping[str, int]) -> Figures:
    return Figures(
        day,
        accepted=counts.get("accepted", 0),
        invalid=counts.get("invalid", 0),
        pushed=counts.get("success", 0),
        late=counts.get("late", 0),
        waiting=counts.get("waiting", 0),
        shown=counts.get("shown", 0),
        answered=counts.get("answered", 0),
        failures={outcome: max(counts.get(outcome.value, 0), 0) for outcome in _FAILURES},
    )


# the job ------------------------------------------------------------------------------------------------------------


async def count_days(deps: Deps) -> None:
    """Counts what has come since the last time, in steps of bounded size; at most so many, then others have a turn."""
    for _ in range(_MOST_STEPS):
        if not await _count_batches(deps):
            break
    for _ in range(_MOST_STEPS):
        if not await _count_late(deps):
            break
    async with deps.db.connection() as tx:
        await day_queries.drop_days_before(tx, (deps.clock.now() - timedelta(days=_KEPT_DAYS)).date())


async def _count_batches(deps: Deps) -> bool:
    """One step; whether there may be more. Each batch is counted once: the mark moves in the same transaction.

    One that is nobody's work any more while records of it have no outcome is not counted: it is due again.
    """
    async with deps.db.transaction() as tx:
        _, mark = await day_queries.lock_mark(tx, "batches")
        new = await day_queries.batches_between(tx, mark, await _settled_ids(deps, tx), _BATCHES_A_STEP)
        step = _first_of(new)
        before = await day_queries.take_done(tx, _RECORDS_A_STEP // 500)
        done = before + [batch for batch, is_done in step if is_done]
        outcomes = await day_queries.outcomes_of(tx, done)
        left = [batch for batch in done if Outcome.PENDING in outcomes.get(batch.id, {})]
        if later := [batch for batch, is_done in step if not is_done] + left:
            await day_queries.put_off(tx, later)
        if left:
            await day_queries.make_due_again(tx, left, deps.clock.now())
        await day_queries.add(tx, _added([batch for batch in done if batch not in left], outcomes))
        if step:
            await day_queries.set_mark(tx, "batches", None, step[-1][0].id)
    if left:
        log.warning("batches_due_again", batches=[str(batch.id) for batch in left])
        await deps.wake(WorkName.BATCHES)
    return len(step) < len(new) or len(new) == _BATCHES_A_STEP or bool(before)


async def _settled_ids(deps: Deps, tx: Tx) -> UUID:
    """Below it, every batch that will ever be written is written: no transaction begun so early is still open."""
    now = deps.real_clock.now()
    oldest = await day_queries.oldest_writer(tx)
    until = min(now, oldest) if oldest else now
    return UUID(int=to_ms(until - _SKEW) << 80)  # a UUIDv7 begins with 48 bits of milliseconds


def _first_of(batches: Sequence[tuple[Batch, bool]]) -> list[tuple[Batch, bool]]:
    """As many of the first as make a step."""
    records = 0
    for i, (batch, _) in enumerate(batches):
        records += batch.record_count
        if records >= _RECORDS_A_STEP:
            return list(batches[: i + 1])
    return list(batches)


def _added(done: Sequence[Batch], outcomes: Mapping[BatchId, Mapping[str, int]]) -> Iterable[Added]:
    for batch in done:
        day = batch.accepted_at.date()
        yield batch.account_id, day, "accepted", batch.record_count
        for outcome, count in outcomes.get(batch.id, {}).items():
            yield batch.account_id, day, outcome, count


async def _count_late(deps: Deps) -> bool:
    """One step of what handsets took after a first failure; whether there may be more."""
    async with deps.db.transaction() as tx:
        mark = await day_queries.lock_mark(tx, "late")
        rows = await day_queries.late_between(tx, mark, deps.clock.now() - _IN_FLIGHT, _BATCHES_A_STEP)
        added: list[Added] = []
        for row in rows:
            account_id, day = AccountId(row["account_id"]), row["accepted_at"].date()
            added += [(account_id, day, "late", 1), (account_id, day, "success", 1)]
            added.append((account_id, day, row["first_outcome"], -1))
        await day_queries.add(tx, added)
        if rows:
            await day_queries.set_mark(tx, "late", rows[-1]["delivered_late_at"], rows[-1]["id"])
    return len(rows) == _BATCHES_A_STEP


# for calls ----------------------------------------------------------------------------------------------------------


async def owners_of(
    tx: Tx, keys: Sequence[tuple[UUID, PhoneNumber]], around: tuple[datetime, datetime]
) -> dict[UUID, UUID]:
    """Accounts by record id, of records given with their receivers and shown between these instants."""
    return await day_queries.owners_of(tx, keys, around) if keys else {}


async def add_calls(tx: Tx, added: Iterable[Added]) -> None:
    """Adds to `shown` and `answered`."""
    await day_queries.add(tx, added)


async def lock_calls_mark(tx: Tx) -> tuple[datetime | None, UUID]:
    """Up to which report calls are counted, locked until the transaction ends."""
    return await day_queries.lock_mark(tx, "calls")


async def read_calls_mark(tx: Tx) -> tuple[datetime | None, UUID]:
    """As `lock_calls_mark`, without the lock."""
    return await day_queries.read_mark(tx, "calls")


async def set_calls_mark(tx: Tx, at: datetime, call_id: UUID) -> None:
    """Moves the locked mark of calls."""
    await day_queries.set_mark(tx, "calls", at, call_id)
