"""What a business does with the requests of its receivers: read them, take one, be done with it."""

from collections.abc import Collection

from callmark.domain.callbacks import queries
from callmark.domain.callbacks.hours import SLOT
from callmark.domain.callbacks.model import CallbackRequest, Position, RequestState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallbackRequestId, FeatureSetId
from callmark.kit.errors import Conflict, NotFound

ALL_STATES = frozenset(RequestState)


async def list_requests(
    deps: Deps,
    account_id: AccountId,
    *,
    states: frozenset[RequestState] = ALL_STATES,
    feature_sets: Collection[FeatureSetId] | None = None,
    receiver: str = "",
    after: CallbackRequestId | None = None,
    limit: int = 100,
) -> list[CallbackRequest]:
    """Up to `limit` of the account's requests in these states, newest first, those that follow the one of id `after`.

    Of these feature sets, or of all (None); from numbers that begin with the digits `receiver`. Raises NotFound when
    there is none of the id `after` (any more).
    """
    async with deps.db.connection() as tx:
        before = None
        if after is not None:
            last = _found(await queries.select_request(tx, account_id, after))
            before = last.requested_at, last.id
        return await queries.select_requests(
            tx,
            account_id,
            states=states,
            feature_sets=feature_sets,
            receiver=receiver,
            before=before,
            limit=limit,
        )


async def list_to_do(
    deps: Deps,
    account_id: AccountId,
    *,
    states: frozenset[RequestState],
    feature_sets: Collection[FeatureSetId] | None,
    receiver: str,
    after: Position | None,
    limit: int,
) -> list[CallbackRequest]:
    """As `list_requests`, but those come first whose slot has passed and who wait for a call still.

    Raises NotFound when there is none at `after` (any more).
    """
    due = deps.clock.now() - SLOT
    async with deps.db.connection() as tx:
        before = None
        if after is not None:
            last = _found(await queries.select_request(tx, account_id, after.id))
            before = last.requested_at, last.id
        found: list[CallbackRequest] = []
        for is_overdue in (True, False):
            if after and after.is_overdue and not is_overdue:
                before = None  # the others begin from their newest
            if after and not after.is_overdue and is_overdue:
                continue
            found += await queries.select_requests(
                tx,
                account_id,
                states=states,
                feature_sets=feature_sets,
                receiver=receiver,
                before=before,
                limit=limit - len(found),
                overdue=(due, is_overdue),
            )
        return found


async def count_requests(deps: Deps, account_id: AccountId) -> dict[RequestState, int]:
    """How many of the account's requests are in each state."""
    async with deps.db.connection() as tx:
        return await queries.count_requests(tx, account_id)


async def count_new(deps: Deps, account_id: AccountId, feature_sets: Collection[FeatureSetId] | None, most: int) -> int:
    """How many requests nobody has taken, `most` at the highest; of these feature sets, or of all (None)."""
    async with deps.db.connection() as tx:
        return await queries.count_new(tx, account_id, feature_sets, most)


async def get_request(deps: Deps, account_id: AccountId, request_id: CallbackRequestId) -> CallbackRequest:
    """The request; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return _found(await queries.select_request(tx, account_id, request_id))


async def take(deps: Deps, account_id: AccountId, request_id: CallbackRequestId, email: str) -> CallbackRequest:
    """The request, taken by `email`, who is going to call back; unchanged when it was theirs already.

    Raises NotFound, or Conflict when another has taken it or it is done.
    """
    async with deps.db.transaction() as tx:
        taken = await queries.take_request(tx, account_id, request_id, email, deps.clock.now())
        if taken is not None:
            return taken
        there = _found(await queries.select_request(tx, account_id, request_id))
    if there.state is RequestState.DONE:
        raise Conflict("this request is already done")
    if there.handled_by_email != email:
        raise Conflict(f"this request is taken by {there.handled_by_email}")
    return there


async def finish(deps: Deps, account_id: AccountId, request_id: CallbackRequestId, email: str) -> CallbackRequest:
    """The request, done by `email`, whoever had taken it; unchanged when it was done already. Raises NotFound."""
    async with deps.db.transaction() as tx:
        done = await queries.end_request(tx, account_id, request_id, email, deps.clock.now())
        return done or _found(await queries.select_request(tx, account_id, request_id))


async def reopen(deps: Deps, account_id: AccountId, request_id: CallbackRequestId) -> CallbackRequest:
    """The request, new again, for whoever takes it next; unchanged when it was new. Raises NotFound.

    Conflict when the receiver was not interested: there is nothing to do.
    """
    async with deps.db.transaction() as tx:
        reopened = await queries.reopen_request(tx, account_id, request_id)
        there = reopened or _found(await queries.select_request(tx, account_id, request_id))
    if not there.is_interested:
        raise Conflict("the receiver was not interested; there is nothing to do")
    return there


def _found(request: CallbackRequest | None) -> CallbackRequest:
    if request is None:
        raise NotFound("no callback request with this id in this account")
    return request
