"""Stores how a call on the telephone network ended, as an edge reports it: like a call that a handset reports."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call, CallDetails, CallEvent, CallSource, Verification as NumberVerdict
from callmark.domain.deps import Deps
from callmark.domain.edges.model import Edge
from callmark.domain.ids import AccountId, CallId
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.resolution import service as resolution
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.model import RINGS_FOR, NotAuthorised, SignedCall, VerifiedCall, Verstat
from callmark.kit.phone import PhoneNumber

LONGEST_CALL = timedelta(days=1)
LATEST_REPORT = timedelta(days=1)
_WHOLE_SECONDS = timedelta(seconds=2)
"""How much `seconds_ago` may be too high, because clients count whole seconds.

The clock of the host that signed may be ahead of ours by as much.
"""
_CALL_IDS = UUID("5f6c5b0e-9f0b-4a53-8d0e-6b1f0a7f2c1d")
"""The namespace in which a caller's call ids of SIP are ids of calls.

A caller's: who may report it may report no call of another account, and so cannot touch one with an id that it knows.
"""
_VERDICTS = {
    Verstat.PASSED: NumberVerdict.PASSED,
    Verstat.FAILED: NumberVerdict.FAILED,
    Verstat.NONE: NumberVerdict.NONE,
}


class CallOutcome(Struct, frozen=True):
    """What an edge reports: `seconds` is how long people talked, `shown` whether the phone had a verified name."""

    call_id: str
    caller: PhoneNumber
    receiver: PhoneNumber
    outcome: CallEvent
    seconds: int
    shown: bool
    seconds_ago: int = 0
    """How long the report had to wait."""


async def report_outcome(deps: Deps, edge: Edge, outcome: CallOutcome) -> Call:
    """The call as it is kept, committed on return. Of one `call_id` the first report stands.

    It is a call of the record that was signed; without a signing, of the record that was open when it began, unless
    its verification failed: then someone else may have made it. Raises NotAuthorised for a call of another account
    than the edge's.
    """
    now = deps.clock.now()
    ended = now - timedelta(seconds=outcome.seconds_ago)
    began = ended - timedelta(seconds=outcome.seconds)
    async with deps.db.connection() as tx:
        since, until = began - RINGS_FOR, ended + _WHOLE_SECONDS
        signed = await queries.newest_signed(tx, [outcome.receiver], outcome.caller, since, until)
        verified = await queries.newest_verified(tx, outcome.receiver, outcome.caller, since, until)
    owner, source, record_id = await _identity(deps, edge, outcome, signed, began)
    if signed is None and verified is not None and verified.verstat is Verstat.FAILED:
        source, record_id = CallSource.NONE, None
    seen_at = verified.verified_at if verified else signed.signed_at if signed else began
    call = _call(outcome, source, record_id, seen_at, ended, now, verified)
    return await calls.report_ended(deps, replace(call, account_id=owner))


async def _identity(
    deps: Deps, edge: Edge, outcome: CallOutcome, signed: SignedCall | None, began: datetime
) -> tuple[AccountId | None, CallSource, UUID | None]:
    """Whose call it is, and where its identity comes from. Raises NotAuthorised for another account's call.

    Nobody's, as far as we know, if its number was listed after it began.
    """
    holder = None
    if signed is not None:
        owner, source, record_id = signed.account_id, signed.source, signed.record_id
    else:
        found = await resolution.resolve_for_network(deps, outcome.caller, outcome.receiver, edge.account_id, began)
        holder = found.proven or found.record or found.listed
        owner = holder.account_id if holder else None
        source, record_id = found.source, found.record.key.id if found.record else None
    if edge.account_id not in {None, owner}:
        raise NotAuthorised("the call is not of this edge's account")
    if signed is None and isinstance(holder, ListedCaller) and holder.held_since > began:
        owner = None
    return owner, source, record_id


def _call(
    outcome: CallOutcome,
    source: CallSource,
    record_id: UUID | None,
    seen_at: datetime,
    ended: datetime,
    now: datetime,
    verified: VerifiedCall | None,
) -> Call:
    return Call(
        receiver_number=outcome.receiver,
        id=CallId(uuid5(_CALL_IDS, f"{outcome.caller} {outcome.call_id}")),
        caller_number=outcome.caller,
        source=source,
        record_id=record_id,
        shown_at=seen_at if outcome.shown else None,
        outcome=outcome.outcome,
        ended_at=ended,
        reported_at=now,
        details=CallDetails(_VERDICTS[verified.verstat] if verified else None, outcome.seconds or None),
    )
