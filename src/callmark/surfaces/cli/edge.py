"""`callmark edge`: the call servers that have calls signed and verified here."""

import click

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.edges.model import Edge
from callmark.domain.ids import AccountId, EdgeId
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import id_argument, where_again, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "name", "account_id", "created_at", "last_used_at", "revoked_at")
account_filter = click.option("--account", type=click.UUID, metavar="ID", help="Only those of this client account.")


@click.group
def group() -> None:
    """Manage edges: the call servers that have calls signed and verified here."""


@group.command
@click.option("--name", required=True, help="A name that says which call server it is.")
@click.option(
    "--account",
    type=click.UUID,
    metavar="ID",
    help="The client account whose calls it signs (default: it is the operator's, and signs for every account).",
)
@operator
async def create(deps: Deps, out: Output, name: str, account: AccountId | None) -> None:
    """Create an edge. Its token is shown only once."""
    edge, token = await edges.create_edge(deps, name, account, by=operator_at_terminal())
    revoke_it = f"callmark edge revoke {edge.id}{where_again()}"
    out.made_with_secret(
        {"id": edge.id, "token": token},
        "Edge created.",
        "Copy the token now. It is not shown again.",
        f"Edge {edge.id} is created, but its token is lost. Revoke it: {revoke_it}",
    )


@group.command("list")
@account_filter
@operator
async def list_(deps: Deps, out: Output, account: AccountId | None) -> None:
    """List edges, including revoked ones, oldest first."""
    rows = [_row(edge) for edge in await edges.list_edges(deps, account)]
    out.rows(rows, _COLUMNS, empty="No edges yet. Create one with `callmark edge create --name NAME`.")


@group.command
@id_argument
@yes_option
@operator
async def revoke(deps: Deps, out: Output, id: EdgeId, *, yes: bool) -> None:
    """Revoke an edge; its token stops working at once, and its calls continue without a signature."""
    edge = await edges.get_edge(deps, id)
    sure(f"Revoke {edge.name!r}? Its token stops working at once.", yes=yes)
    edge = await edges.revoke_edge(deps, edge.id, by=operator_at_terminal())
    out.done(_row(edge), f"Edge {edge.name!r} revoked.")


def _row(edge: Edge) -> Row:
    return {
        "id": edge.id,
        "name": edge.name,
        "account_id": edge.account_id,
        "created_at": edge.created_at,
        "last_used_at": edge.last_used_at,
        "revoked_at": edge.revoked_at,
    }
