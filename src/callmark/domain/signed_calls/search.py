"""Calls on the telephone network as their account reads them: signed, verified, shown, and how they ended."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call, CallEvent
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, SignedCallId
from callmark.domain.signed_calls import queries, search_queries
from callmark.domain.signed_calls.model import RINGS_FOR, CallKey, NetworkCallFilter, SignedCall, VerifiedCall
from callmark.domain.signed_calls.search_queries import Steps
from callmark.kit.phone import PhoneNumber

PAGE = 100
"""Signings and verifications on a page. The two of one call are one line, so a page has 50 to 100 lines."""


class CallOnNetwork(Struct, frozen=True):
    """A call that was signed here, verified here, or both. `ended` are the reports of handsets and edges about it."""

    signed: SignedCall | None
    verified: VerifiedCall | None
    ended: Sequence[Call] = ()

    @property
    def at(self) -> datetime:
        """When it began, as far as we know."""
        return self.signed.signed_at if self.signed else self._verified.verified_at

    @property
    def caller_number(self) -> PhoneNumber:
        """The number that called."""
        return self.signed.caller_number if self.signed else self._verified.caller_number

    @property
    def receiver_number(self) -> PhoneNumber:
        """The number that was called."""
        return self.signed.receiver_number if self.signed else self._verified.receiver_number

    @property
    def record_id(self) -> UUID | None:
        """The record that it showed, or should have shown."""
        return self.signed.record_id if self.signed else self._verified.record_id

    @property
    def is_shown(self) -> bool | None:
        """Whether the phone showed the identity; None as long as nobody has said how the call went."""
        if any(one.shown_at for one in self.ended):
            return True
        return False if self.outcome else None

    @property
    def outcome(self) -> CallEvent | None:
        """How it ended; None as long as nobody has said."""
        return next((one.outcome for one in self.ended if one.outcome), None)

    @property
    def talked_s(self) -> int | None:
        """How long people talked, in seconds."""
        return next((one.details.duration_s for one in self.ended if one.details.duration_s), None)

    @property
    def _verified(self) -> VerifiedCall:
        if self.verified is None:
            raise AssertionError("a call is signed or verified")
        return self.verified


class FoundCalls(Struct, frozen=True):
    """A page of calls, newest first, and where the next page begins; None at the end."""

    calls: Sequence[CallOnNetwork]
    next: CallKey | None


async def list_calls(
    deps: Deps, account_id: AccountId, wanted: NetworkCallFilter, after: CallKey | None, *, page: int = PAGE
) -> FoundCalls:
    """The account's calls, newest first, those after the key."""
    async with deps.db.connection() as tx:
        steps = await search_queries.select_steps(tx, account_id, wanted, after, page + 1)
        shown = [one for one in steps[:page] if wanted.verstat or not one.is_with_signing]
        signed = await queries.signed_among(tx, [one.signed_id for one in shown if one.signed_id])
        verified = await queries.verified_among(tx, [one.verified_id for one in shown if one.verified_id])
    both = [
        CallOnNetwork(
            signed.get(one.signed_id) if one.signed_id else None,
            verified.get(one.verified_id) if one.verified_id else None,
        )
        for one in shown
    ]
    found = [one for one in both if one.signed or one.verified]
    more = steps[page - 1].key if len(steps) > page else None
    return FoundCalls(list(await _with_ends(deps, account_id, found, shown)), more)


async def _with_ends(
    deps: Deps, account_id: AccountId, found: Sequence[CallOnNetwork], shown: Sequence[Steps]
) -> Iterator[CallOnNetwork]:
    """The account's calls with the reports about them."""
    if not found:
        return iter(())
    pairs = {(one.receiver_number, one.caller_number) for one in found}
    told = await calls.calls_of_pairs(deps, account_id, pairs, min(one.at for one in found))
    until = {one.signed_id: one.until for one in shown if one.signed_id}
    return attach(found, until, told)


def attach(
    found: Sequence[CallOnNetwork], until: dict[SignedCallId, datetime | None], told: Sequence[Call]
) -> Iterator[CallOnNetwork]:
    """Gives each report to the newest call of its pair that had begun by then. Pure.

    `until` says when the pair's next call was signed, by signed call.
    """
    left = list(told)
    for one in found:
        end = until.get(one.signed.id) if one.signed else None
        mine = [call for call in left if _is_of(call, one, end)]
        left = [call for call in left if call not in mine]
        yield CallOnNetwork(one.signed, one.verified, mine)


def _is_of(call: Call, one: CallOnNetwork, end: datetime | None) -> bool:
    if (call.receiver_number, call.caller_number) != (one.receiver_number, one.caller_number):
        return False
    began = call.shown_at or (call.ended_at or call.reported_at) - timedelta(seconds=call.details.duration_s or 0)
    return one.at <= began < min(one.at + RINGS_FOR, end or datetime.max.replace(tzinfo=began.tzinfo))
