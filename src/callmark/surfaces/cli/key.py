"""`callmark key`: the API keys of a client account."""

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import ApiKey, NewKey
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.policy.plan import KeyAccess
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import KEY_ACCESS, account_option, at_least_one, id_argument, where_again, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("key_id", "name", "features", "created_by_email", "created_at")
_ONCE = "Copy the secret API key now. It is not shown again."


@click.group
def group() -> None:
    """Manage the API keys of a client account (at most 5)."""


@group.command
@account_option
@click.option("--name", required=True, help="A name that says what the key is for.")
@click.option("--description", default="", help="A longer description.")
@click.option(
    "--features",
    type=KEY_ACCESS,
    help="Features it gives access to, separated by commas (default: all features of the account, without management).",
)
@operator
async def create(
    deps: Deps, out: Output, account: AccountId, name: str, description: str, features: frozenset[KeyAccess] | None
) -> None:
    """Create an API key. Its secret is shown only once."""
    owner = await accounts.get_account(deps, account)
    new = await credentials.create_key(
        deps,
        owner.id,
        by=operator_at_terminal(),
        name=name,
        description=description,
        features=owner.features if features is None else features,
    )
    _show(out, new, account, "created")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's API keys, oldest first."""
    owner = await accounts.get_account(deps, account)
    rows = [_row(key) for key in await credentials.list_keys(deps, owner.id)]
    hint = f"No API keys yet. Create one with `callmark key create --account {account} --name NAME`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: KeyId, account: AccountId) -> None:
    """Show one API key, without its secret."""
    out.item(_row(await credentials.get_key(deps, account, id)))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name.")
@click.option("--description", help="A new description.")
@click.option("--features", type=KEY_ACCESS, help="The features it gives access to, replacing the current ones.")
@operator
async def update(
    deps: Deps,
    out: Output,
    id: KeyId,
    account: AccountId,
    name: str | None,
    description: str | None,
    features: frozenset[KeyAccess] | None,
) -> None:
    """Rename an API key, or change its access; tokens made from it follow at once."""
    at_least_one(name, description, features)
    key = await credentials.update_key(
        deps, account, id, by=operator_at_terminal(), name=name, description=description, features=features
    )
    out.item(_row(key), "API key updated.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def regenerate(deps: Deps, out: Output, id: KeyId, account: AccountId, *, yes: bool) -> None:
    """Replace an API key with a new pair; the old pair and its tokens stop working at once."""
    key = await credentials.get_key(deps, account, id)
    sure(f"Regenerate {key.name!r}? The old pair and every token made from it stop working at once.", yes=yes)
    new = await credentials.regenerate_key(deps, key.account_id, key.id, by=operator_at_terminal())
    _show(out, new, account, "regenerated")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: KeyId, account: AccountId, *, yes: bool) -> None:
    """Delete an API key; the key and its tokens stop working at once."""
    key = await credentials.get_key(deps, account, id)
    sure(f"Delete {key.name!r}? The key and every token made from it stop working at once.", yes=yes)
    await credentials.delete_key(deps, key.account_id, key.id, by=operator_at_terminal())
    out.done({"key_id": key.id}, f"API key {key.name!r} deleted.")


def _show(out: Output, new: NewKey, account: AccountId, how: str) -> None:
    again = f"callmark key regenerate {new.key_id} --account {account}{where_again()}"
    lost = f"API key {new.key_id} is {how}, but its secret is lost. Replace it: {again}"
    out.made_with_secret({"key_id": new.key_id, "api_key": new.api_key}, f"API key {how}.", _ONCE, lost)


def _row(key: ApiKey) -> Row:
    return {
        "key_id": key.id,
        "name": key.name,
        "description": key.description,
        "features": key.features,
        "created_by_email": key.created_by_email,
        "created_at": key.created_at,
    }
