"""Use cases of proofs: the operator finds that an account may call from numbers, or that it may not.

docs/decisions/0054-number-ownership.md says what a proof is and when it ends.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.feature_sets import visible_sets
from callmark.domain.ids import AccountId, ProofRequestId
from callmark.domain.numbers import page_queries
from callmark.domain.numbers.model import MOST_NUMBERS, NumberState
from callmark.domain.numbers.proofs import queries
from callmark.domain.numbers.proofs.model import (
    MOST_WAITING,
    UNPROVEN,
    NumberProof,
    ProofLetter,
    ProofRequest,
    ProofRequestState,
    ProofState,
    ProofWay,
)
from callmark.domain.policy.model import Actor, Scope
from callmark.kit.errors import Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Transaction, Tx
from callmark.kit.text import clean_line

log = structlog.get_logger(__name__)

LONGEST_REASON = 200
KEPT = timedelta(days=365)
"""How long a decided request is kept, with its letter, once no number refers to it."""

_UNKNOWN = "no proof request with this id"
_PROVABLE = frozenset({NumberState.PENDING, NumberState.LISTED})
_MOST_NAMED = 3


async def request_proof_in(
    tx: Tx, deps: Deps, account_id: AccountId, numbers: Sequence[PhoneNumber], letter: ProofLetter | None, *, by: Actor
) -> ProofRequest:
    """Asks the operator to find that the account may call from these numbers, 1 to 10,000; they wait for it.

    Raises InvalidInput about `phone_numbers` for one that cannot be proven now, Conflict for too many requests.
    """
    asked, now, request_id = _each_once(numbers), deps.clock.now(), ProofRequestId(new_id())
    way = ProofWay.OPERATOR if letter is None else ProofWay.LETTER
    await accounts.lock_account(tx, account_id)
    if await queries.count_waiting(tx, account_id) >= MOST_WAITING:
        raise Conflict(f"{MOST_WAITING} proof requests of this account are waiting for the operator already")
    await lock_provable(tx, account_id, asked, by.scope)
    await _check_open(tx, asked)
    await queries.insert_request(tx, request_id, account_id, len(asked), letter, by.email, now)
    proof = NumberProof(ProofState.WAITING, way, by.email, now, None, request_id)
    await queries.put_proofs(tx, account_id, asked, proof)
    await _note(tx, by, AuditAction.NUMBERS_PROOF_REQUESTED, account_id, asked, now, way=way)
    return found(await queries.select_request(tx, request_id))


request_proof = in_own_transaction(request_proof_in)


async def withdraw_request(deps: Deps, account_id: AccountId, request_id: ProofRequestId, *, by: Actor) -> ProofRequest:
    """Takes back a request that waits, and says what it was; its numbers are unproven again.

    Raises NotFound, Conflict once it is decided.
    """
    async with deps.db.transaction() as tx:
        waiting = await queries.lock_waiting(tx, request_id, account_id)
        gone = await _visible(tx, account_id, request_id, by.scope)
        if waiting is None:
            raise Conflict("this proof request is decided already")
        await queries.delete_request(tx, request_id)
        facts = {"numbers": gone.waiting_count}
        at = deps.clock.now()
        await audit.note(
            tx, by, AuditAction.NUMBERS_PROOF_WITHDRAWN, str(request_id), account_id=account_id, at=at, **facts
        )
    return gone


async def list_requests(
    deps: Deps,
    account_id: AccountId,
    scope: Scope,
    *,
    before: tuple[datetime, ProofRequestId] | None = None,
    limit: int = 100,
) -> list[ProofRequest]:
    """Up to `limit` requests whose numbers are inside the scope, newest first; the next page begins before that key."""
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        return await queries.select_requests(tx, account_id, among, before, limit)


async def get_request(deps: Deps, account_id: AccountId, scope: Scope, request_id: ProofRequestId) -> ProofRequest:
    """The account's request, inside the scope. Raises NotFound."""
    async with deps.db.connection() as tx:
        return await _visible(tx, account_id, request_id, scope)


async def proofs_of(deps: Deps, numbers: Collection[PhoneNumber]) -> dict[PhoneNumber, NumberProof]:
    """The proof of each of the numbers, of any account."""
    async with deps.db.connection() as tx:
        return await proofs_in(tx, numbers)


async def proofs_in(tx: Tx, numbers: Collection[PhoneNumber]) -> dict[PhoneNumber, NumberProof]:
    """As `proofs_of`, for what reads the numbers in the same transaction."""
    there = await queries.select_proofs(tx, numbers)
    return {number: there.get(number, UNPROVEN) for number in numbers}


async def end_proofs(tx: Tx, numbers: Sequence[PhoneNumber]) -> None:
    """Ends those of the numbers, which another account has taken over."""
    await queries.delete_left(tx, await queries.delete_proofs(tx, numbers))


async def end_left_requests(tx: Tx, account_id: AccountId) -> None:
    """Forgets the account's requests whose last number has been delisted or decided on: nobody could decide them."""
    await queries.delete_left(tx, [account_id])


# the operator ---------------------------------------------------------------------------------------------------------


async def list_waiting(deps: Deps, *, limit: int = 100) -> list[ProofRequest]:
    """Up to `limit` requests that wait, of all accounts, longest waiting first."""
    async with deps.db.connection() as tx:
        return await queries.select_waiting(tx, limit)


async def get_request_of_any_account(deps: Deps, request_id: ProofRequestId) -> ProofRequest:
    """A request of any account. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_request(tx, request_id), _UNKNOWN)


async def numbers_of(deps: Deps, request_id: ProofRequestId) -> list[tuple[PhoneNumber, ProofState]]:
    """All numbers of a request of any account, each with its proof, by number. Raises NotFound."""
    async with deps.db.connection() as tx:
        found(await queries.select_request(tx, request_id), _UNKNOWN)
        return await queries.select_numbers(tx, request_id)


async def read_letter(deps: Deps, request_id: ProofRequestId) -> ProofLetter:
    """The letter of a request of any account. Raises NotFound, also where there is none."""
    async with deps.db.connection() as tx:
        return found(await queries.select_letter(tx, request_id), "this proof request has no letter")


async def approve(deps: Deps, request_id: ProofRequestId, *, by: Actor) -> ProofRequest:
    """Finds that what still waits in the request is proven. Raises NotFound, Conflict when nothing waits in it."""
    return await _decide(deps, request_id, None, by)


async def refuse(deps: Deps, request_id: ProofRequestId, reason: str, *, by: Actor) -> ProofRequest:
    """Turns a request down; its numbers say `reason` (1 to 200 characters). Raises as `approve`, and InvalidInput."""
    return await _decide(deps, request_id, clean_line(reason, "reason", longest=LONGEST_REASON), by)


async def prove_numbers(deps: Deps, account_id: AccountId, numbers: Sequence[PhoneNumber], *, by: Actor) -> int:
    """Finds that these numbers of the account are proven, for the operator; how many were not before.

    Raises InvalidInput for one that the account does not hold, or that has failed or is being delisted.
    """
    asked, now = _each_once(numbers), deps.clock.now()
    async with deps.db.transaction() as tx:
        await lock_provable(tx, account_id, asked, by.scope)
        there = await queries.select_proofs(tx, asked)
        new = [one for one in asked if there.get(one, UNPROVEN).state is not ProofState.PROVEN]
        if new:
            proof = NumberProof(ProofState.PROVEN, ProofWay.OPERATOR, by.email, now)
            await queries.put_proofs(tx, account_id, new, proof)
            await end_left_requests(tx, account_id)
            await _note(tx, by, AuditAction.NUMBERS_PROVEN, account_id, new, now, way=ProofWay.OPERATOR)
            if by.is_operator:  # a demo's numbers are proven from the beginning
                await _tell(tx, deps, account_id, len(new), None, numbers=new)
    return len(new)


async def refuse_numbers(
    deps: Deps, account_id: AccountId, numbers: Sequence[PhoneNumber], reason: str, *, by: Actor
) -> None:
    """Finds that these numbers are not proven, for the operator, whatever was before. Raises as `prove_numbers`."""
    asked, now = _each_once(numbers), deps.clock.now()
    why = clean_line(reason, "reason", longest=LONGEST_REASON)
    async with deps.db.transaction() as tx:
        await lock_provable(tx, account_id, asked, by.scope)
        proof = NumberProof(ProofState.REFUSED, ProofWay.OPERATOR, by.email, now, why)
        await queries.put_proofs(tx, account_id, asked, proof)
        await end_left_requests(tx, account_id)
        await _note(tx, by, AuditAction.NUMBERS_PROOF_REFUSED, account_id, asked, now, why=why)
        if by.is_operator:
            await _tell(tx, deps, account_id, len(asked), why, numbers=asked)


async def forget_old_requests(deps: Deps) -> None:
    """Forgets letters that no longer prove anything, and requests that wait although every number has left them."""
    await queries.delete_left_of_all(deps.db)
    await queries.delete_unused(deps.db, deps.clock.now() - KEPT)


async def _decide(deps: Deps, request_id: ProofRequestId, why: str | None, by: Actor) -> ProofRequest:
    now = deps.clock.now()
    state = ProofRequestState.APPROVED if why is None else ProofRequestState.REFUSED
    async with deps.db.transaction() as tx:
        waiting = await queries.lock_waiting(tx, request_id)
        if waiting is None:
            found(await queries.select_request(tx, request_id), _UNKNOWN)
            raise Conflict("this proof request is decided already")
        await queries.update_decision(tx, request_id, state, by.email, now, why)
        of_numbers = ProofState.PROVEN if why is None else ProofState.REFUSED
        count = await queries.settle_request(tx, request_id, of_numbers, by.email, now, why)
        if not count:
            raise Conflict("no number of this proof request is left to decide")
        action = AuditAction.NUMBERS_PROVEN if why is None else AuditAction.NUMBERS_PROOF_REFUSED
        facts = {"numbers": count} | ({} if why is None else {"why": why})
        account_id = AccountId(waiting["account_id"])
        await audit.note(tx, by, action, str(request_id), account_id=account_id, at=now, **facts)
        await _tell(tx, deps, account_id, count, why)
        decided = found(await queries.select_request(tx, request_id))
    log.info("proof_decided", request=str(request_id), approved=why is None, numbers=count)
    return decided


async def _tell(
    tx: Transaction, deps: Deps, account_id: AccountId, count: int, why: str | None, numbers: Sequence[PhoneNumber] = ()
) -> None:
    """Tells the account of a decision: about a request, or without one about these `numbers`."""
    account = await accounts.get_account_in(tx, account_id)
    counted = "1 number" if count == 1 else f"{count:,} numbers"
    verb, whose = ("is", "Its") if count == 1 else ("are", "Their")
    done = "proven" if why is None else "not proven"
    which = f": {_named(numbers)}" if numbers else ""
    next_ = f"{whose} calls can be signed with your name." if why is None else f"The reason given: {why}"
    pages = f"{deps.public_url}/console/numbers"
    alert = Alert(
        AlertKind.NUMBERS_REVIEWED,
        account.id,
        f"{account.name}: {counted} {verb} {done}",
        [f"The operator of Callmark has decided that {counted} of {account.name} {verb} {done}{which}.", next_],
        [("Open the numbers", pages) if numbers else ("Open the requests", f"{pages}/proofs")],
    )
    await alerts.tell(tx, deps, alert)


async def _visible(tx: Tx, account_id: AccountId, request_id: ProofRequestId, scope: Scope) -> ProofRequest:
    among = await visible_sets.visible_ids(tx, account_id, scope)
    return found(await queries.select_request(tx, request_id, account_id, among), _UNKNOWN)


def _each_once(numbers: Sequence[PhoneNumber]) -> list[PhoneNumber]:
    if not 1 <= len(numbers) <= MOST_NUMBERS:
        raise InvalidInput(f"phone_numbers must contain between 1 and {MOST_NUMBERS} numbers", field="phone_numbers")
    return list(dict.fromkeys(numbers))


async def lock_provable(tx: Tx, account_id: AccountId, numbers: Sequence[PhoneNumber], scope: Scope) -> None:
    """Locks the numbers until the transaction ends. Raises InvalidInput for those that cannot be proven.

    One of another account, or outside the scope, is refused as one that there is not.
    """
    states = await queries.lock_states(tx, account_id, numbers)
    among = await visible_sets.visible_ids(tx, account_id, scope)
    if among is not None:
        held = await page_queries.select_numbers(tx, account_id, list(states))
        inside = {one.phone_number for one in held if one.feature_set_id in set(among)}
        states = {number: state for number, state in states.items() if number in inside}
    _refuse([one for one in numbers if one not in states], "not in this account")
    _refuse([one for one in numbers if states[one] not in _PROVABLE], "not listed, or being delisted")


async def _check_open(tx: Tx, numbers: Sequence[PhoneNumber]) -> None:
    """Raises InvalidInput for numbers that are proven, or that wait already."""
    there = await queries.select_proofs(tx, numbers)
    for state, words in ((ProofState.PROVEN, "proven already"), (ProofState.WAITING, "in another request already")):
        _refuse([number for number, proof in there.items() if proof.state is state], words)


def _refuse(numbers: Sequence[PhoneNumber], why: str) -> None:
    """Raises InvalidInput that names the first of the numbers, if there are any."""
    if numbers:
        raise InvalidInput(f"{why}: {_named(numbers)}", field="phone_numbers")


def _named(numbers: Sequence[PhoneNumber]) -> str:
    """The first of them, and how many more there are."""
    rest = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
    return ", ".join(numbers[:_MOST_NAMED]) + rest


async def _note(
    tx: Tx,
    by: Actor,
    action: AuditAction,
    account_id: AccountId,
    numbers: Sequence[PhoneNumber],
    at: datetime,
    **facts: object,
) -> None:
    await audit.note(tx, by, action, _named(numbers), account_id=account_id, at=at, numbers=len(numbers), **facts)
