"""The people who run the installation, for each other."""

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Operating
from callmark.domain.accounts import operators
from callmark.domain.accounts.model import Operator
from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorId
from callmark.kit.errors import Conflict


async def list_operators(deps: Deps) -> list[Operator]:
    """All operators, oldest first."""
    return await operators.list_operators(deps)


async def get_operator(deps: Deps, operator_id: OperatorId) -> Operator:
    """The operator. Raises NotFound."""
    return await operators.get_operator(deps, operator_id)


async def create_operator(deps: Deps, operating: Operating, *, email: str, name: str, password: str) -> Operator:
    """The new operator. Raises InvalidInput, Conflict for an address that somebody has."""
    async with changing(deps, operating) as change:
        operator = await operators.create_operator(change.deps, email=email, name=name, password=password)
        await change.note("operator.created", operator.email)
    return operator


async def delete_operator(deps: Deps, operating: Operating, operator_id: OperatorId) -> Operator:
    """Removes another operator and signs it out everywhere. Raises NotFound, Conflict for oneself."""
    async with changing(deps, operating) as change:
        operator = await operators.get_operator(change.deps, operator_id)
        if operator.id == operating.session.person.operator_id:
            raise Conflict("you cannot remove yourself; ask another operator")
        await operators.delete_operator(change.deps, operator_id)
        await change.note("operator.deleted", operator.email)
    return operator
