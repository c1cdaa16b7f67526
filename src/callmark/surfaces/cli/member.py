"""`callmark member`: the people of a client account."""

from uuid import UUID

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Member, MemberState, Role
from callmark.domain.deps import Deps
from callmark.domain.ids import MemberId
from callmark.surfaces.cli.output import Output, Row
from callmark.surfaces.cli.session import account_id, account_option, at_least_one, operator, sure, yes_option

_COLUMNS = ("id", "email", "name", "role", "state")

_state_option = click.option(
    "--state", type=click.Choice(MemberState, case_sensitive=False), help="Invited, active, or access revoked."
)


@click.group
def group() -> None:
    """Manage the members of a client account."""


@group.command
@account_option
@click.option("--email", required=True, help="The person's address; one member of the installation may have it.")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", type=click.Choice(Role, case_sensitive=False), default="admin", show_default=True)
@_state_option
@operator
async def create(
    deps: Deps, out: Output, account: UUID, email: str, name: str, role: Role, state: MemberState | None
) -> None:
    """Add a member to an account."""
    member = await accounts.create_member(
        deps, account_id(account), email=email, name=name, role=role, state=state or MemberState.INVITED
    )
    out.item(_row(member), "Member added.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: UUID) -> None:
    """List an account's members, oldest first."""
    rows = [_row(member) for member in await accounts.list_members(deps, account_id(account))]
    hint = f"No members yet. Add one with `callmark member create --account {account} --email ADDRESS --name NAME`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@click.argument("id", type=click.UUID)
@account_option
@operator
async def show(deps: Deps, out: Output, id: UUID, account: UUID) -> None:  # noqa: A002 - the argument's name on the screen
    """Show one member."""
    out.item(_row(await accounts.get_member(deps, account_id(account), MemberId(id))))


@group.command
@click.argument("id", type=click.UUID)
@account_option
@click.option("--name", help="A new name.")
@click.option("--role", type=click.Choice(Role, case_sensitive=False), help="A new role.")
@_state_option
@operator
async def update(
    deps: Deps,
    out: Output,
    id: UUID,  # noqa: A002 - the argument's name on the screen
    account: UUID,
    name: str | None,
    role: Role | None,
    state: MemberState | None,
) -> None:
    """Rename a member, change the role, or revoke and restore access."""
    at_least_one(name, role, state)
    member = await accounts.update_member(deps, account_id(account), MemberId(id), name=name, role=role, state=state)
    out.item(_row(member), "Member updated.")


@group.command
@click.argument("id", type=click.UUID)
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: UUID, account: UUID, *, yes: bool) -> None:  # noqa: A002 - the argument's name on the screen
    """Delete a member for good."""
    member = await accounts.get_member(deps, account_id(account), MemberId(id))
    sure(f"Delete {member.email}? This cannot be undone.", yes=yes)
    await accounts.delete_member(deps, member.account_id, member.id)
    out.done({"id": member.id}, f"Member {member.email} deleted.")


def _row(member: Member) -> Row:
    return {
        "id": member.id,
        "email": member.email,
        "name": member.name,
        "role": member.role,
        "state": member.state,
        "created_at": member.created_at,
    }
