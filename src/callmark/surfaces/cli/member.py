"""`callmark member`: the people of a client account."""

from pathlib import Path
from uuid import UUID

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.policy.model import Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.installation import why_mails_wait
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, at_least_one, id_argument, password_option, yes_option
from callmark.surfaces.cli.prompts import read_password, sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "email", "name", "role", "state")

_place_option = click.option(
    "--place",
    type=click.UUID,
    metavar="ID",
    help="Id of the department, operation or process that an owner is responsible for.",
)
_state_option = click.option(
    "--state", type=click.Choice(MemberState, case_sensitive=False), help="Invited, active, or revoked (no access)."
)


@click.group
def group() -> None:
    """Manage the members of a client account."""


@group.command
@account_option
@click.option("--email", required=True, help="The person's email address; each address can belong to one member only.")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", type=click.Choice(Role, case_sensitive=False), default="admin", show_default=True)
@_place_option
@_state_option
@operator
async def create(
    deps: Deps,
    out: Output,
    account: AccountId,
    email: str,
    name: str,
    role: Role,
    place: UUID | None,
    state: MemberState | None,
) -> None:
    """Add a member to an account."""
    member = await members.create_without_rules(
        deps,
        account,
        by=operator_at_terminal(),
        email=email,
        name=name,
        role=role,
        state=state or MemberState.INVITED,
        node_id=place,
    )
    out.item(_row(member), "Member added.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's members, oldest first."""
    rows = [_row(member) for member in await members.list_members(deps, account)]
    hint = f"No members yet. Add one with `callmark member create --account {account} --email ADDRESS --name NAME`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: MemberId, account: AccountId) -> None:
    """Show one member."""
    out.item(_row(await members.get_member(deps, account, id)))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name.")
@click.option("--role", type=click.Choice(Role, case_sensitive=False), help="A new role.")
@_place_option
@_state_option
@operator
async def update(
    deps: Deps,
    out: Output,
    id: MemberId,
    account: AccountId,
    name: str | None,
    role: Role | None,
    place: UUID | None,
    state: MemberState | None,
) -> None:
    """Rename a member, change their role or place, or revoke or restore their access."""
    at_least_one(name, role, place, state)
    member = await members.update_without_rules(
        deps, account, id, by=operator_at_terminal(), name=name, role=role, state=state, node_id=place
    )
    out.item(_row(member), "Member updated.")


@group.command
@id_argument
@account_option
@operator
async def invite(deps: Deps, out: Output, id: MemberId, account: AccountId) -> None:
    """Send an invited member the link to choose a password, or send it again."""
    member = await members.invite_without_rules(deps, account, id, by=operator_at_terminal())
    async with deps.db.connection() as tx:
        why = await why_mails_wait(tx, deps.settings)
    out.item(_row(member), f"Invitation written; it waits: {why}." if why else "Invitation sent.")


@group.command
@id_argument
@account_option
@password_option
@operator
async def password(deps: Deps, out: Output, id: MemberId, account: AccountId, password_file: Path | None) -> None:
    """Set a member's console password and sign them out everywhere. An invited member can sign in then."""
    member = await members.get_member(deps, account, id)
    new = read_password(password_file)
    changed = await members.set_password(deps, member.account_id, member.id, new, by=operator_at_terminal())
    is_let_in = changed.state is not member.state
    out.item(_row(changed), f"Password set; {changed.email} can sign in now." if is_let_in else "Password changed.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: MemberId, account: AccountId, *, yes: bool) -> None:
    """Delete a member. This cannot be undone."""
    member = await members.get_member(deps, account, id)
    sure(f"Delete {member.email}? This cannot be undone.", yes=yes)
    await members.delete_without_rules(deps, member.account_id, member.id, by=operator_at_terminal())
    out.done({"id": member.id}, f"Member {member.email} deleted.")


def _row(member: Member) -> Row:
    return {
        "id": member.id,
        "email": member.email,
        "name": member.name,
        "role": member.role,
        "place": member.node_id,
        "state": member.state,
        "created_at": member.created_at,
    }
