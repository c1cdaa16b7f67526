"""The members of an account who get its mail."""

from tests.domain.webhooks.receiving import Stage

from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState


def tail(stage: Stage) -> str:
    return f"{stage.account_id.hex}.example"


async def make_members(stage: Stage) -> None:
    for name, role, state in (
        ("alice", Role.ADMIN, MemberState.ACTIVE),
        ("anna", Role.ADMIN, MemberState.ACTIVE),
        ("bob", Role.PROCESS_OWNER, MemberState.ACTIVE),
        ("mallory", Role.ADMIN, MemberState.REVOKED),
        ("ines", Role.ADMIN, MemberState.INVITED),
    ):
        await members.create_without_rules(
            stage.deps, stage.account_id, email=f"{name}@{tail(stage)}", name=name, role=role, state=state, by=SYSTEM
        )
