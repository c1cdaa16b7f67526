"""Use cases of calls: a handset reports one, a record's timeline reads them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from callmark.domain.calls import queries
from callmark.domain.calls.model import Call, CallCounts, CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.personalisation.model import RecordKey
from callmark.kit.clock_watch import TRUSTED_WITHIN, past
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, found
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx

MOST_OF_RECORD = 200
"""A record shows for a day at most; a handset can report as many calls as it likes."""
_DAY = timedelta(days=1)


async def report(deps: Deps, receiver: PhoneNumber, fact: CallReport) -> None:
    """Keeps one fact of a call, committed on return. Repeating it changes nothing; the first of each fact stands.

    The record need not be stored (yet). Raises InvalidInput when source and record do not agree, Forbidden for another
    receiver's record, Conflict for a new call when the receiver has reported `calls_a_day` within 24 hours (a few more
    when many come at once).
    """
    record = fact.record
    if (fact.source is CallSource.CALL_RECORD) != (record is not None):
        raise InvalidInput("record is required with source call_record, and only with it", field="record")
    if record is not None and record.receiver_number != receiver:
        raise Forbidden("record belongs to another receiver")
    now, most = deps.clock.now(), deps.settings.calls_a_day
    reported = queries.Reported(receiver, fact.call_id, fact.caller, record, *past(_DAY, now), most)
    (before,) = await deps.gather(queries.before_each, [reported])
    if not before.is_known and 0 < most <= before.call_count:
        raise Conflict("this receiver has reached the limit of reported calls within 24 hours")
    async with deps.db.connection() as tx:
        owner = before.record_owner
        if owner is None and not before.is_known:  # whose call a known one was, its first report says
            owner = (await numbers.holders(tx, [fact.caller])).get(fact.caller)
        await queries.merge(tx, _call(receiver, fact, now, owner))


def _call(receiver: PhoneNumber, fact: CallReport, at: datetime, owner: AccountId | None) -> Call:
    """The call as far as this one fact tells."""
    shown = fact.event is CallEvent.SHOWN
    return Call(
        receiver_number=receiver,
        id=fact.call_id,
        caller_number=fact.caller,
        source=fact.source,
        record_id=fact.record.id if fact.record else None,
        shown_at=at if shown else None,
        outcome=None if shown else fact.event,
        ended_at=None if shown else at,
        reported_at=at,
        details=fact.details,
        account_id=owner,
    )


async def report_ended(deps: Deps, call: Call) -> Call:
    """Keeps a call that the network reports when it is over; the call as it is then. Repeating it changes nothing."""
    async with deps.db.transaction() as tx:
        await queries.merge(tx, call)
        return found(await queries.find(tx, call.receiver_number, call.id))


async def newest_call(
    deps: Deps, receiver: PhoneNumber, caller: PhoneNumber, outcomes: Sequence[CallEvent]
) -> Call | None:
    """The pair's reported call that ended last in one of these ways; not by a clock that was ahead and is set right."""
    async with deps.db.connection() as tx:
        return await queries.newest_ended(tx, receiver, caller, outcomes, deps.clock.now() + TRUSTED_WITHIN)


async def was_missed(tx: Tx, receiver: PhoneNumber, caller: ListedCaller) -> bool:
    """Whether a missed or rejected call of `caller` to `receiver` was reported, as long ago as calls are kept.

    A call that another account made, which held the number before, does not count.
    """
    return await queries.any_missed(tx, receiver, caller.phone_number, caller.account_id, caller.held_since)


async def find_call(tx: Tx, receiver: PhoneNumber, call_id: CallId) -> Call | None:
    """What is known of one call, inside the caller's transaction."""
    return await queries.find(tx, receiver, call_id)


async def calls_of_record(deps: Deps, record: RecordKey) -> list[Call]:
    """The first `MOST_OF_RECORD` calls in which a record was shown, in order of report."""
    async with deps.db.connection() as tx:
        return await queries.of_record(tx, record.id, record.receiver_number, MOST_OF_RECORD)


async def calls_of_pairs(
    deps: Deps, account_id: AccountId, pairs: Collection[tuple[PhoneNumber, PhoneNumber]], since: datetime
) -> list[Call]:
    """The calls of these (receiver, caller), each pair once, that were reported since, in order of report.

    Those known to be of another account are left out: it may have had the number, or has it now.
    """
    async with deps.db.connection() as tx:
        return await queries.of_pairs(tx, account_id, list(pairs), since)


async def count_calls(deps: Deps, records: Sequence[tuple[UUID, PhoneNumber]]) -> CallCounts:
    """How far calls took these records, each given with its receiver, in one statement."""
    async with deps.db.connection() as tx:
        row = await queries.counts_among(tx, [one for one, _ in records], [receiver for _, receiver in records])
    return CallCounts(row["shown"], row["answered"], row["missed"], row["rejected"], row["calls"])
