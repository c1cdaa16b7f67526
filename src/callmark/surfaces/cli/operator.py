"""`callmark operator`: the people who run the installation."""

from pathlib import Path

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorId
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.stale_confirmations import digest_of
from callmark.surfaces.cli import operator_token
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import id_argument, password_option, yes_option
from callmark.surfaces.cli.prompts import read_password, sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "email", "name", "created_at")


@click.group
def group() -> None:
    """Manage operators: the people who run this installation and sign in to its console."""


group.add_command(operator_token.group, "token")


@group.command
@click.option("--email", required=True, help="The person's email address; it must not belong to a member.")
@click.option("--name", default="", help="The person's name (default: the email address).")
@password_option
@operator
async def create(deps: Deps, out: Output, email: str, name: str, password_file: Path | None) -> None:
    """Create an operator. Asks for the password twice, or reads it from a file."""
    made = await operators.create_operator(
        deps, by=operator_at_terminal(), email=email, name=name, password=read_password(password_file)
    )
    out.item(_row(made), "Operator created.", f"Sign in at {deps.public_url}/console")


@group.command("list")
@operator
async def list_(deps: Deps, out: Output) -> None:
    """List the operators, oldest first."""
    rows = [_row(one) for one in await operators.list_operators(deps)]
    out.rows(rows, _COLUMNS, empty="No operators yet. Create one with `callmark operator create --email ADDRESS`.")


@group.command
@id_argument
@operator
async def show(deps: Deps, out: Output, id: OperatorId) -> None:
    """Show one operator."""
    out.item(_row(await operators.get_operator(deps, id)))


@group.command
@id_argument
@password_option
@operator
async def password(deps: Deps, out: Output, id: OperatorId, password_file: Path | None) -> None:
    """Set an operator's password and sign them out everywhere."""
    await operators.get_operator(deps, id)
    new = read_password(password_file)
    changed = await operators.set_password(deps, id, new, by=operator_at_terminal())
    out.item(_row(changed), "Password changed.")


@group.command
@id_argument
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: OperatorId, *, yes: bool) -> None:
    """Delete an operator and sign them out. Their tokens stay valid. This cannot be undone."""
    found = await operators.get_operator(deps, id)
    kept = await operator_tokens.list_live_names(deps, found.email)
    staying = f" Tokens of theirs that stay valid: {', '.join(kept)}." if kept else ""
    sure(f"Delete the operator {found.email}?{staying} This cannot be undone.", yes=yes)
    shown = "" if yes else digest_of(kept)
    await operators.delete_operator(deps, found.id, by=operator_at_terminal(), shown=shown)
    out.done({"id": found.id, "tokens": kept}, f"Operator {found.email} deleted.{staying}")


def _row(one: Operator) -> Row:
    return {"id": one.id, "email": one.email, "name": one.name, "created_at": one.created_at}
