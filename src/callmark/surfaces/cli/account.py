"""`callmark account`: client accounts."""

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account, AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.plan import Feature
from callmark.surfaces.cli.choices import FeatureList
from callmark.surfaces.cli.session import at_least_one, id_argument, operator, operator_at_terminal, sure, yes_option
from callmark.terminal import Output, Row

_COLUMNS = ("client_account_id", "name", "state", "features")


@click.group
def group() -> None:
    """Manage client accounts."""


@group.command
@click.option("--name", required=True, help="The business's name, at most 100 characters.")
@click.option(
    "--features",
    type=FeatureList(),
    default="all",
    show_default=True,
    help="Features it subscribes to, separated by commas.",
)
@operator
async def create(deps: Deps, out: Output, name: str, features: frozenset[Feature]) -> None:
    """Create a client account."""
    account = await accounts.create_account(deps, name, features, by=operator_at_terminal())
    out.item(
        _row(account),
        "Account created.",
        f"Next: `callmark key create --account {account.id} --name NAME` creates its first API key.",
    )


@group.command("list")
@operator
async def list_(deps: Deps, out: Output) -> None:
    """List every client account, oldest first."""
    rows = [_row(account) for account in await accounts.list_accounts(deps)]
    out.rows(rows, _COLUMNS, empty="No accounts yet. Create one with `callmark account create --name NAME`.")


@group.command
@id_argument
@operator
async def show(deps: Deps, out: Output, id: AccountId) -> None:
    """Show one client account."""
    out.item(_row(await accounts.get_account(deps, id)))


@group.command
@id_argument
@click.option("--name", help="A new name.")
@click.option("--features", type=FeatureList(), help="The features it subscribes to from now on.")
@click.option(
    "--state", type=click.Choice(AccountState, case_sensitive=False), help="Suspend the account, or restore it."
)
@yes_option
@operator
async def update(
    deps: Deps,
    out: Output,
    id: AccountId,
    name: str | None,
    features: frozenset[Feature] | None,
    state: AccountState | None,
    *,
    yes: bool,
) -> None:
    """Rename, suspend or restore an account, or change its features."""
    at_least_one(name, features, state)
    if state is AccountState.SUSPENDED:
        sure("Suspend this account? Its API requests are refused with 403 at once.", yes=yes)
    account = await accounts.update_account(
        deps, id, by=operator_at_terminal(), name=name, features=features, state=state
    )
    out.item(_row(account), "Account updated.")


def _row(account: Account) -> Row:
    return {
        "client_account_id": account.id,
        "name": account.name,
        "state": account.state,
        "features": account.features,
        "created_at": account.created_at,
    }
