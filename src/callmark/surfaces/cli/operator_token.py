"""`callmark operator token`: what programs of operators show the operator API."""

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorTokenId
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.operators.tokens.model import MOST_DAYS, OperatorToken
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import id_argument, where_again, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "name", "state", "created_by_email", "created_at", "expires_at", "last_used_at")


@click.group
def group() -> None:
    """Manage operator tokens: what programs use the operator API with."""


@group.command
@click.option("--name", required=True, help="What uses the token; the audit log shows it.")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    metavar="N",
    help="Days until it expires (default: it does not expire).",
)
@operator
async def create(deps: Deps, out: Output, name: str, days: int | None) -> None:
    """Create an operator token. It is shown only once."""
    made = await operator_tokens.create_token(deps, name, days=days, by=operator_at_terminal())
    row = _row(deps, made.token)
    revoke_it = f"callmark operator token revoke {made.token.id}{where_again()}"
    out.made_with_secret(
        {"id": row["id"], "name": row["name"], "token": made.secret, "expires_at": row["expires_at"]},
        "Operator token created.",
        "Copy the token now. It is not shown again.",
        f"Operator token {made.token.id} is created and valid, but lost. Revoke it: {revoke_it}",
    )


@group.command("list")
@operator
async def list_(deps: Deps, out: Output) -> None:
    """List the operator tokens, oldest first, expired and revoked ones too."""
    rows = [_row(deps, one) for one in await operator_tokens.list_tokens(deps)]
    out.rows(
        rows, _COLUMNS, empty="No operator tokens yet. Create one with `callmark operator token create --name NAME`."
    )


@group.command
@id_argument
@yes_option
@operator
async def revoke(deps: Deps, out: Output, id: OperatorTokenId, *, yes: bool) -> None:
    """Revoke an operator token; requests with it are refused at once. This cannot be undone."""
    found = await operator_tokens.get_token(deps, id)
    sure(f"Revoke the operator token {found.name!r}? Requests with it are refused at once.", yes=yes)
    revoked = await operator_tokens.revoke_token(deps, id, by=operator_at_terminal())
    out.item(_row(deps, revoked), "Operator token revoked.")


def _row(deps: Deps, one: OperatorToken) -> Row:
    return {
        "id": one.id,
        "name": one.name,
        "state": one.state_at(deps.clock.now()),
        "created_by_email": one.created_by_email,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "last_used_at": one.last_used_at,
        "revoked_at": one.revoked_at,
    }
