"""What a business does with the requests of its receivers: read them, take one, be done with it."""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from uuid import UUID

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.callbacks import model, queries
from callmark.domain.callbacks.hours import SLOT
from callmark.domain.callbacks.model import (
    AskedAgain,
    CallbackRequest,
    RequestFilter,
    ShownState,
    WorkListPosition,
)
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import visible_sets
from callmark.domain.ids import AccountId, CallbackRequestId, FeatureSetId
from callmark.domain.members import addresses, taken_requests
from callmark.domain.policy.model import Actor, Scope
from callmark.kit.errors import found
from callmark.kit.phone import PhoneNumber

_UNKNOWN = "no callback request with this id in this account"
_ALL = RequestFilter()


async def list_requests(
    deps: Deps,
    account_id: AccountId,
    wanted: RequestFilter = _ALL,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> list[CallbackRequest]:
    """Up to `limit` of the account's wanted requests, newest first, those that follow a request's instant and id."""
    async with deps.db.connection() as tx:
        return await queries.select_requests(tx, account_id, wanted, among=None, before=after, limit=limit)


async def position_of(deps: Deps, account_id: AccountId, request_id: CallbackRequestId) -> tuple[datetime, UUID]:
    """Where a request is in the list. Raises NotFound when there is none, or no longer."""
    async with deps.db.connection() as tx:
        last = found(await queries.select_request(tx, account_id, request_id), _UNKNOWN)
    return last.requested_at, last.id


async def list_to_do(
    deps: Deps,
    account_id: AccountId,
    scope: Scope,
    wanted: RequestFilter,
    *,
    now: datetime,
    after: WorkListPosition | None,
    limit: int,
) -> list[CallbackRequest]:
    """As `list_requests`, inside the scope; first come those whose slot has passed and who wait for a call still.

    `now` is when the first page was read: a request whose slot passes meanwhile keeps its place on the others.
    """
    due = now - SLOT
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        before = (after.requested_at, after.id) if after else None
        listed: list[CallbackRequest] = []
        for is_overdue in (True, False):
            if after and after.is_overdue and not is_overdue:
                before = None  # the others begin from their newest
            if after and not after.is_overdue and is_overdue:
                continue
            listed += await queries.select_requests(
                tx,
                account_id,
                wanted,
                among=among,
                before=before,
                limit=limit - len(listed),
                overdue=(due, is_overdue),
            )
        return listed


async def asked_again(
    deps: Deps, account_id: AccountId, scope: Scope, requests: Collection[CallbackRequest]
) -> dict[PhoneNumber, AskedAgain]:
    """What the receivers of these requests said altogether, inside the scope."""
    if not requests:
        return {}
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        receivers = {one.receiver_number for one in requests}
        return await queries.select_asked_again(tx, account_id, receivers, among)


async def count_new(
    deps: Deps, account_id: AccountId, scope: Scope, most: int, feature_set_id: FeatureSetId | None = None
) -> int:
    """How many requests inside the scope, of that feature set or all, nobody has taken, `most` at the highest."""
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        if feature_set_id is not None:
            among = [feature_set_id] if among is None or feature_set_id in among else []
        return await queries.count_new(tx, account_id, among, most)


async def get_request(deps: Deps, account_id: AccountId, request_id: CallbackRequestId) -> CallbackRequest:
    """The request; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return found(await queries.select_request(tx, account_id, request_id), _UNKNOWN)


async def take(
    deps: Deps,
    account_id: AccountId,
    request_id: CallbackRequestId,
    *,
    by: Actor,
    email: str = "",
    only_new: bool = False,
) -> CallbackRequest:
    """The request, taken by the actor or by `email`, who is going to call back. As `model.taken_by`; NotFound.

    Raises Conflict also for a member whose access is revoked.
    """
    handler = await _handler(deps, account_id, by, email)
    step = partial(model.taken_by, email=handler, now=deps.clock.now(), only_new=only_new)
    return await _change(deps, account_id, request_id, by, AuditAction.CALLBACK_TAKEN, step, taker=handler)


async def finish(
    deps: Deps,
    account_id: AccountId,
    request_id: CallbackRequestId,
    *,
    by: Actor,
    email: str = "",
    shown: ShownState | None = None,
) -> CallbackRequest:
    """The request, done by the actor or by `email`; unchanged when it was done. As `model.done_by`; NotFound."""
    handler = await _handler(deps, account_id, by, email)
    step = partial(model.done_by, email=handler, now=deps.clock.now(), shown=shown)
    return await _change(deps, account_id, request_id, by, AuditAction.CALLBACK_DONE, step)


async def reopen(
    deps: Deps, account_id: AccountId, request_id: CallbackRequestId, *, by: Actor, shown: ShownState | None = None
) -> CallbackRequest:
    """The request, new again, for the next person; unchanged when it was new. As `model.reopened`; NotFound."""
    step = partial(model.reopened, shown=shown)
    return await _change(deps, account_id, request_id, by, AuditAction.CALLBACK_REOPENED, step)


async def _handler(deps: Deps, account_id: AccountId, by: Actor, email: str) -> str:
    """Who handles a request. A member by their own spelling, or the request would be another's in the console."""
    return await addresses.as_member_writes(deps, account_id, email) if email else by.email


async def _change(
    deps: Deps,
    account_id: AccountId,
    request_id: CallbackRequestId,
    by: Actor,
    action: AuditAction,
    step: Callable[[CallbackRequest], CallbackRequest],
    *,
    taker: str = "",
) -> CallbackRequest:
    """A step of a request's life, noted when it changed something."""
    async with deps.db.transaction() as tx:
        if taker:
            await taken_requests.check_may_take(tx, account_id, taker)
        old = found(await queries.lock_request(tx, account_id, request_id), _UNKNOWN)
        await visible_sets.check_visible(tx, account_id, old.feature_set_id, by.scope)
        new = step(old)
        if new != old:
            await queries.update_request(tx, new)
            facts = {"request_id": str(request_id)}
            if new.handled_by_email not in {None, by.email}:
                facts["handled_by"] = str(new.handled_by_email)
            await audit.note(tx, by, action, new.feature_set_name, account_id=account_id, at=deps.clock.now(), **facts)
    return new
