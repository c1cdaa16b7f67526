"""What the lab does as a business: announces a call by pushing a record, and reads how the call ended."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from os import getpid
from pathlib import Path
from socket import gethostname

from msgspec import Struct

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.numbers import service as numbers
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import StoredRecord
from callmark.domain.policy.model import Actor
from callmark.instants import to_ms
from callmark.kit.errors import SetupError
from callmark.kit.phone import PhoneNumber
from callmark.passport import RichCallData, Signer, make_key
from callmark.record_rules.fields import NewRecord

_WINDOW = timedelta(minutes=10)
_REPORTED_WITHIN_S = 15.0
_POLL_S = 0.05
_ENDINGS = (CallEvent.ANSWERED, CallEvent.MISSED, CallEvent.REJECTED)
_EDGE = "sip-lab"


class Business(Struct, frozen=True):
    """An account that can have calls signed: its first proven number, and the label that it shows."""

    account_id: AccountId
    number: PhoneNumber
    label: Label


async def some_business(deps: Deps) -> Business:
    """The oldest active account that has all a call needs. Raises SetupError that says what is missing."""
    for account in await accounts.list_accounts(deps):
        if account.state is AccountState.ACTIVE:
            async with deps.db.connection() as tx:
                proven = await numbers.proven_numbers(tx, account.id)
                label = await labels.default_dynamic_label(tx, account.id)
            if proven and label:
                return Business(account.id, proven[0], label)
    raise SetupError(
        "no account here can have a call signed: it takes a dynamic label, and a listed number that is proven"
        " (docs/sip.md)"
    )


def some_receiver() -> PhoneNumber:
    """A number that belongs to nobody: those from 0100 to 0199 are set aside for fiction."""
    return PhoneNumber(f"12025550{100 + secrets.randbelow(100)}")


async def announce(deps: Deps, business: Business, receiver: PhoneNumber, reason: str, *, by: Actor) -> StoredRecord:
    """The record that was pushed; its window is open now."""
    now = to_ms(deps.clock.now())
    ends = now + _WINDOW // timedelta(milliseconds=1)
    record = NewRecord(business.number, receiver, str(business.label.id), None, reason, now, ends)
    return await personalisation.push_by_hand(deps, business.account_id, record, by=by)


async def reported_outcome(deps: Deps, record: StoredRecord, *, shown: bool) -> CallEvent | None:
    """How the record's call ended, or (not `shown`) a call of its pair; None when no report comes in time."""
    deadline = asyncio.get_running_loop().time() + _REPORTED_WITHIN_S
    while asyncio.get_running_loop().time() < deadline:
        ended = await (_of_record(deps, record) if shown else _of_pair(deps, record))
        if ended:
            return ended
        await asyncio.sleep(_POLL_S)
    return None


async def _of_record(deps: Deps, record: StoredRecord) -> CallEvent | None:
    return next((one.outcome for one in await calls.calls_of_record(deps, record.key) if one.outcome), None)


async def _of_pair(deps: Deps, record: StoredRecord) -> CallEvent | None:
    if record.caller_number is None:
        return None
    call = await calls.newest_call(deps, record.key.receiver_number, record.caller_number, _ENDINGS)
    return call.outcome if call and call.ended_at and call.ended_at >= record.accepted_at else None


@asynccontextmanager
async def edge_token(deps: Deps, *, by: Actor) -> AsyncGenerator[str]:
    """The token of an edge of the operator's that exists as long as the block."""
    await _revoke_leftovers(deps, by)
    edge, token = await edges.create_edge(deps, f"{_EDGE} {gethostname()} {getpid()}", None, by=by)
    try:
        yield token
    finally:
        await edges.revoke_edge(deps, edge.id, by=by)


async def _revoke_leftovers(deps: Deps, by: Actor) -> None:
    """Edges of labs on this machine that were killed."""
    for edge in await edges.list_edges(deps):
        if edge.revoked_at is None and _is_leftover(edge.name):
            await edges.revoke_edge(deps, edge.id, by=by)


def _is_leftover(name: str) -> bool:
    """Whether it is the edge of a lab on this machine whose process has ended."""
    of_lab, _, pid = name.rpartition(" ")
    return of_lab == f"{_EDGE} {gethostname()}" and not Path(f"/proc/{pid}").exists()


def forged_identity(deps: Deps, business: Business, receiver: PhoneNumber) -> str:
    """An `Identity` header with the business's name, signed with a key that no certificate here is for."""
    x5u = f"{deps.public_url}/stir/v1/certs/1.pem"
    forger = Signer(make_key(), x5u, plain_http=x5u.startswith("http:"))
    rcd = RichCallData(business.label.name)
    return forger.rich_call_data(business.number, [receiver], rcd, now=deps.real_clock.now())
