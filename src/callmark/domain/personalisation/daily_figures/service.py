"""An account's figures by day: counted behind the pushing, read at once (docs/decisions/0011-home-figures.md).

A job follows the batches in the order of their ids and counts each once, when it is done; what handsets take late is
found by an index of its own; calls are added by `calls`. A page reads sums of days and counts the newest batches, which
the job has not reached, itself, as long as they are few.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation.daily_figures import queries
from callmark.domain.personalisation.daily_figures.queries import Added
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx

DAYS = 30
_TAIL_BATCHES = 600
_TAIL_RECORDS = 15_000
"""What a page counts itself: the job is 30 to 40 s behind."""
_MOST_WAITING = 100_000
"""Batches that wait for their outcome, of which a page sums the records: some 30 ms."""
_FAILURES = (
    Outcome.NOT_REGISTERED,
    Outcome.OS_NOT_SUPPORTED,
    Outcome.APP_VERSION_NOT_SUPPORTED,
    Outcome.FAILED_TO_PUSH,
)


class DayFigures(Struct, frozen=True):
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
        """Valid ones."""
        return self.accepted - self.invalid

    @property
    def failed(self) -> int:
        """Valid and not on their handset, for whatever reason."""
        return sum(self.failures.values())


class DailyFigures(Struct, frozen=True):
    """The last days, today last. `is_behind`: so much is coming in that the newest records are not counted yet.

    `are_calls_behind` says the same of `shown` and `answered`. It is so for all accounts at once, also for an idle one.
    """

    days: list[DayFigures]
    is_behind: bool
    are_calls_behind: bool = False

    @property
    def today(self) -> DayFigures:
        """The last of the days."""
        return self.days[-1]


async def read_days(deps: Deps, account_id: AccountId) -> DailyFigures:
    """The account's last `DAYS` days (UTC, by the product clock). Bounded work however many records there are."""
    today = deps.clock.now().date()
    since = today - timedelta(days=DAYS - 1)
    sums: dict[date, dict[str, int]] = {since + timedelta(days=i): {} for i in range(DAYS)}
    async with deps.db.connection() as tx:
        _, mark = await queries.read_mark(tx, "batches")
        rows = await queries.select_days(tx, account_id, since)
        waiting = await queries.waiting_of(tx, account_id, _MOST_WAITING)
        newest = await queries.newest_batches(tx, account_id, _TAIL_BATCHES)
        tail, is_behind = _tail(newest, mark)
        done = [batch for batch, is_done in tail if is_done]
        outcomes = await queries.outcomes_of(tx, done)
    for row in rows:
        if row["day"] in sums:
            _sum(sums[row["day"]], {name: row[name] for name in queries.COUNTS})
    for batch in done:
        _sum(sums.get(batch.accepted_at.date(), {}), {"accepted": batch.record_count, **outcomes.get(batch.id, {})})
    not_done = [(row["day"], row["records"]) for row in waiting]
    not_done += [(batch.accepted_at.date(), batch.record_count) for batch, is_done in tail if not is_done]
    for day, records in not_done:
        _sum(sums.get(day, {}), {"accepted": records, "waiting": records})
    is_behind = is_behind or sum(row["batches"] for row in waiting) == _MOST_WAITING
    return DailyFigures([_figures(day, counts) for day, counts in sums.items()], is_behind)


def with_calls(days: DailyFigures, added: Iterable[Added], *, are_all: bool) -> DailyFigures:
    """With what became known of the account's calls since they were counted last, or with some of it."""
    counts: Counter[tuple[date, str]] = Counter()
    for _, day, name, by in added:
        counts[day, name] += by
    return DailyFigures(
        [
            replace(
                one, shown=one.shown + counts[one.day, "shown"], answered=one.answered + counts[one.day, "answered"]
            )
            for one in days.days
        ],
        days.is_behind,
        are_calls_behind=not are_all,
    )


def _tail(newest: Sequence[tuple[Batch, bool]], mark: UUID) -> tuple[list[tuple[Batch, bool]], bool]:
    """What the job has not reached of the newest batches, if it is little; whether it is too much to count now."""
    tail = [one for one in newest if one[0].id > mark]
    too_much = len(tail) == _TAIL_BATCHES or sum(batch.record_count for batch, _ in tail) > _TAIL_RECORDS
    return ([], True) if too_much else (tail, False)


def _sum(into: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _figures(day: date, counts: Mapping[str, int]) -> DayFigures:
    return DayFigures(
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


async def owners_of(
    tx: Tx, keys: Sequence[tuple[UUID, PhoneNumber]], around: tuple[datetime, datetime]
) -> dict[UUID, UUID]:
    """Accounts by record id, of records given with their receivers and shown between these instants."""
    return await queries.owners_of(tx, keys, around) if keys else {}


async def add_calls(tx: Tx, added: Iterable[Added]) -> None:
    """Adds to `shown` and `answered`."""
    await queries.add(tx, added)


async def take_calls_back(tx: Tx, added: Iterable[Added]) -> None:
    """Takes what was added too early out of `shown` and `answered`."""
    await queries.add(tx, queries.taken_back(added))


async def is_calls_mark_ahead(tx: Tx, at: datetime) -> bool:
    """Whether calls are counted beyond an instant."""
    return await queries.is_ahead(tx, "calls", at)


async def lock_calls_mark(tx: Tx) -> tuple[datetime | None, UUID]:
    """Up to when what became known of calls is counted, locked until the transaction ends."""
    return await queries.lock_mark(tx, "calls")


async def read_calls_mark(tx: Tx) -> tuple[datetime | None, UUID]:
    """As `lock_calls_mark`, without the lock."""
    return await queries.read_mark(tx, "calls")


async def set_calls_mark(tx: Tx, at: datetime, call_id: UUID) -> None:
    """Moves the locked mark of calls."""
    await queries.set_mark(tx, "calls", at, call_id)
