"""The demo's people: members of its accounts and its operator, with passwords made once for each installation."""

from collections.abc import Iterable
from uuid import UUID

from callmark.domain.accounts.model import Account
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.members import service as members
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.ids import random_text
from callmark.processes.demo.credentials import DemoMember, DemoOperator

OPERATOR_EMAIL = "olive@operator.example"
_PASSWORD_LENGTH = 16


async def seed_members(
    deps: Deps, account: Account, people: Iterable[tuple[str, str, Role]], before: Iterable[DemoMember]
) -> list[DemoMember]:
    """The members of an account, made as far as they are missing; passwords of the last start stay."""
    known = {member.email: member.password for member in before if member.password}
    there = {member.email: member for member in await members.list_members(deps, account.id)}
    made: list[DemoMember] = []
    for name, email, role in people:
        member = there.get(email) or await members.create_without_rules(
            deps, account.id, email=email, name=name, role=role, state=MemberState.ACTIVE, by=SYSTEM
        )
        password = known.get(email) if email in there else None
        if password is None:
            password = random_text(_PASSWORD_LENGTH)
            await members.set_password(deps, account.id, member.id, password, by=SYSTEM)
        made.append(DemoMember(email, password, role.value))
    return made


async def give_process(deps: Deps, account_id: AccountId, process_id: UUID) -> None:
    """Makes the account's process owners that own nothing yet owners of that process."""
    for member in await members.list_members(deps, account_id):
        if member.role is Role.PROCESS_OWNER and member.node_id is None:
            await members.update_without_rules(deps, account_id, member.id, node_id=process_id, by=SYSTEM)


async def seed_operator(deps: Deps, before: DemoOperator) -> DemoOperator:
    """The operator, made if missing; the password of the last start stays."""
    found = next((one for one in await operators.list_operators(deps) if one.email == OPERATOR_EMAIL), None)
    if found and before.password:
        return before
    password = random_text(_PASSWORD_LENGTH)
    if found:
        await operators.set_password(deps, found.id, password, by=SYSTEM)
    else:
        await operators.create_operator(deps, email=OPERATOR_EMAIL, name="Olive", password=password, by=SYSTEM)
    return DemoOperator(OPERATOR_EMAIL, password)
