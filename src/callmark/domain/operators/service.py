"""Operators: the people who run the installation, and the accounts that they act for."""

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, OperatorId
from callmark.domain.operators import queries
from callmark.domain.operators.locks import lock_operators_for
from callmark.domain.operators.model import Operator
from callmark.domain.operators.tokens import service as tokens
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.acting import service as acting
from callmark.domain.sessions.model import Person, Session, email_address, person_name
from callmark.domain.stale_confirmations import refuse_changed
from callmark.kit.errors import Conflict, found
from callmark.kit.ids import new_id

_UNKNOWN = "no operator with this id"


async def create_operator(deps: Deps, *, by: Actor, email: str, name: str, password: str) -> Operator:
    """The new operator. An address belongs to one person of the installation: else Conflict.

    Who was only invited by a business has it not yet, and cannot accept then.
    Raises InvalidInput, Forbidden for an operator who was removed meanwhile.
    """
    operator = Operator(OperatorId(new_id()), email_address(email), person_name(name or email), deps.clock.now())
    hashed = await sessions.hash_new_password(password, email, name)
    async with deps.db.transaction() as tx:
        await lock_operators_for(tx, by)
        is_in_use = await sessions.is_in_use(tx, operator.email)
        await queries.insert_operator(tx, operator, hashed)  # refuses another operator's
        if is_in_use:
            raise Conflict("a member with this email already exists; use another address for the operator")
        await audit.note(tx, by, AuditAction.OPERATOR_CREATED, operator.email, account_id=None, at=operator.created_at)
    return operator


async def list_operators(deps: Deps) -> list[Operator]:
    """All operators, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_operators(tx)


async def get_operator(deps: Deps, operator_id: OperatorId) -> Operator:
    """The operator. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_operator(tx, operator_id), _UNKNOWN)


async def set_password(deps: Deps, operator_id: OperatorId, password: str, *, by: Actor) -> Operator:
    """The operator, signed out everywhere, with a new password. Raises NotFound, InvalidInput, Forbidden as above."""
    operator = await get_operator(deps, operator_id)
    hashed = await sessions.hash_new_password(password, operator.email, operator.name)
    async with deps.db.transaction() as tx:
        await lock_operators_for(tx, by)
        await sessions.replace_password(deps, tx, Person(operator_id=operator_id), hashed, by=by)
        await audit.note(
            tx, by, AuditAction.OPERATOR_PASSWORD_SET, operator.email, account_id=None, at=deps.clock.now()
        )
    return operator


async def delete_operator(deps: Deps, operator_id: OperatorId, *, by: Actor, shown: str = "") -> Operator:
    """Removes the operator, and signs it out everywhere; who it was.

    `shown` is the digest of the names of the operator tokens that outlast it, as they were shown. Raises NotFound,
    ChangedMeanwhile, Conflict for oneself, Forbidden for who was removed meanwhile: of two who remove each other at
    once one stays.
    """
    async with deps.db.transaction() as tx:
        present = await lock_operators_for(tx, by)
        operator = found(next((one for one in present if one.id == operator_id), None), _UNKNOWN)
        if by.kind is ActorKind.OPERATOR and by.email == operator.email:
            raise Conflict("you cannot remove yourself; ask another operator")
        refuse_changed(shown, await tokens.live_names(tx, operator.email, deps.clock.now()))
        await sessions.end_sessions(deps, tx, Person(operator_id=operator_id), by=by)
        await queries.delete_operator(tx, operator_id)
        await audit.note(tx, by, AuditAction.OPERATOR_DELETED, operator.email, account_id=None, at=deps.clock.now())
    return operator


async def act_for(deps: Deps, session: Session, account_id: AccountId, *, by: Actor) -> Account:
    """Makes the operator's session act for that account alone, as an admin.

    Raises NotFound, also when the session has ended meanwhile.
    """
    async with deps.db.transaction() as tx:
        account = await accounts.get_account_in(tx, account_id)
        await acting.act_for(deps, tx, session.id, account.id, by=by)
        await audit.note(tx, by, AuditAction.OPERATOR_ACTS, account.name, account_id=account.id, at=deps.clock.now())
    return account


async def stop_acting(deps: Deps, session: Session, *, by: Actor) -> None:
    """The operator's session no longer acts for an account. Raises NotFound when it has ended meanwhile."""
    async with deps.db.transaction() as tx:
        await acting.act_for(deps, tx, session.id, None, by=by)
