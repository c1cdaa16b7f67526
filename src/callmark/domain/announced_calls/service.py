"""Use cases of announced calls: a business says that it calls, and the lookup of a call asks whether it did."""

from collections.abc import Sequence
from datetime import datetime

from callmark.domain.announced_calls import model, queries
from callmark.domain.announced_calls.model import LONGEST_CALL_ID, AnnouncedCall, CallAnnouncement
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.numbers import service as numbers
from callmark.kit.errors import InvalidInput, found
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx


async def announce(deps: Deps, account_id: AccountId, said: CallAnnouncement) -> AnnouncedCall:
    """The call as it is after the account said that. Saying it again changes nothing.

    Raises InvalidInput for a `call_id` that cannot be kept and a caller that is no number of the account, Conflict for
    other numbers under the same `call_id`.
    """
    if not (1 <= len(said.call_id) <= LONGEST_CALL_ID and said.call_id.isprintable()):
        raise InvalidInput(f"call_id must have 1 to {LONGEST_CALL_ID} printable characters", field="call_id")
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        if (await numbers.holders(tx, [said.caller])).get(said.caller) != account_id:
            raise InvalidInput("caller is not a number of this account", field="caller")
        call = model.first_said(account_id, said, now)
        if await queries.insert_call(tx, call):
            return call
        before = found(await queries.lock_call(tx, account_id, said.call_id))
        after = model.said_again(before, said, now)
        if after != before:
            await queries.update_call(tx, after)
    return after


async def are_announced(tx: Tx, asked: Sequence[tuple[AccountId, PhoneNumber, PhoneNumber, datetime]]) -> list[bool]:
    """For each (account, caller, receiver, instant): whether the call is announced. One statement, none for none."""
    return await queries.are_announced(tx, asked) if asked else []
