"""`callmark account`: client accounts."""

from collections.abc import Callable
from functools import partial

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account, AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULTS, largest
from callmark.domain.policy.plan import Feature
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import FEATURES, at_least_one, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("client_account_id", "name", "state", "features")


@click.group
def group() -> None:
    """Manage client accounts."""


@group.command
@click.option("--name", required=True, help="The business's name, at most 100 characters.")
@click.option(
    "--features",
    type=FEATURES,
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
@click.option("--features", type=FEATURES, help="The features it subscribes to from now on.")
@click.option(
    "--state", type=click.Choice(AccountState, case_sensitive=False), help="Suspend the account, or restore it."
)
@click.option(
    "--announced-calls-only",
    type=click.Choice(["on", "off"]),
    help="Whether its numbers show an identity only in calls that it announced.",
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
    announced_calls_only: str | None,
    yes: bool,
) -> None:
    """Rename, suspend or restore an account, or change its features and in which calls it shows."""
    at_least_one(name, features, state, announced_calls_only)
    if state is AccountState.SUSPENDED:
        sure(
            "Suspend this account? Its API requests are refused with 403 at once, its open records are removed from"
            " handsets, and its batches, uploads and deliveries stop. Records whose window ends meanwhile fail.",
            yes=yes,
        )
    account = await accounts.update_account(
        deps,
        id,
        by=operator_at_terminal(),
        name=name,
        features=features,
        state=state,
        announced_calls_only=None if announced_calls_only is None else announced_calls_only == "on",
    )
    out.item(_row(account), "Account updated.")


def _limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each limit."""
    for name in reversed(list(DEFAULTS)):
        told = f"At most {largest(name)}, or `default` ({DEFAULTS[name]})."
        command = click.option(f"--{name}", metavar="N", type=_Limit(name), help=told)(command)
    return command


class _Limit(click.ParamType[int]):
    """A number, or `default`."""

    name = "limit"

    def __init__(self, limit: str) -> None:
        self._range = click.IntRange(1, largest(limit))

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; 0 stands for the default, because None says that the option was not given."""
        return 0 if value == "default" else self._range(value, param, ctx)


@group.command
@id_argument
@_limit_options
@partial(operator, options_change=True)
async def limits(deps: Deps, out: Output, id: AccountId, **given: int | None) -> None:
    """Show an account's limits, or set some; `default` puts one back."""
    changes = {name: given[name.replace("-", "_")] for name in DEFAULTS}
    wanted = {name: value or None for name, value in changes.items() if value is not None}
    if wanted:
        account = await accounts.set_limits(deps, id, wanted, by=operator_at_terminal())
    else:
        account = await accounts.get_account(deps, id)
    rows = [
        {"limit": name, "value": account.limits.of(name), "default": default, "is_own": name in account.limits.own}
        for name, default in DEFAULTS.items()
    ]
    out.rows(rows, ("limit", "value", "default"), empty="")


def _row(account: Account) -> Row:
    return {
        "client_account_id": account.id,
        "name": account.name,
        "state": account.state,
        "features": account.features,
        "announced_calls_only": account.announced_calls_only,
        "created_at": account.created_at,
    }
