"""Operators: the people who run the installation, in the console."""

from callmark.domain.accounts import model, operator_queries, queries, session_queries
from callmark.domain.accounts.model import Operator, Person
from callmark.domain.accounts.passwords import check_password, hash_password
from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorId
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id


async def create_operator(deps: Deps, *, email: str, name: str, password: str) -> Operator:
    """The new operator. An address belongs to one person of the installation: else Conflict. Raises InvalidInput."""
    operator = Operator(
        OperatorId(new_id()), model.email_address(email), model.member_name(name or email), deps.clock.now()
    )
    hashed = await hash_password(check_password(password, email, name))
    async with deps.db.transaction() as tx:
        if await queries.member_exists(tx, operator.email):
            raise Conflict("a member with this email already exists; use another address for the operator")
        await operator_queries.insert_operator(tx, operator, hashed)
    return operator


async def list_operators(deps: Deps) -> list[Operator]:
    """All operators, oldest first."""
    async with deps.db.connection() as tx:
        return await operator_queries.select_operators(tx)


async def get_operator(deps: Deps, operator_id: OperatorId) -> Operator:
    """The operator. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await operator_queries.select_operator(tx, operator_id))


async def set_operator_password(deps: Deps, operator_id: OperatorId, password: str) -> Operator:
    """The operator, signed out everywhere, with a new password. Raises NotFound, InvalidInput."""
    operator = await get_operator(deps, operator_id)
    hashed = await hash_password(check_password(password, operator.email, operator.name))
    async with deps.db.transaction() as tx:
        await session_queries.set_password(tx, Person(operator_id=operator_id), hashed)
        await session_queries.forget_ways_in(tx, Person(operator_id=operator_id))
    return operator


async def delete_operator(deps: Deps, operator_id: OperatorId) -> None:
    """Removes the operator for good, and signs it out everywhere. Raises NotFound."""
    async with deps.db.transaction() as tx:
        if not await operator_queries.delete_operator(tx, operator_id):
            _found(None)


def _found(operator: Operator | None) -> Operator:
    if operator is None:
        raise NotFound("no operator with this id")
    return operator
