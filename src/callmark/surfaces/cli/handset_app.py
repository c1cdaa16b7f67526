"""`callmark handset-app`: the apps that may register handsets."""

import click

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import HandsetApp
from callmark.domain.ids import HandsetAppId
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import id_argument, where_again, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("handset_app_id", "name", "created_at", "revoked_at")


@click.group
def group() -> None:
    """Manage the apps that may register handsets."""


@group.command
@click.option("--name", required=True, help="The app's name.")
@operator
async def create(deps: Deps, out: Output, name: str) -> None:
    """Create a handset app. Its key is shown only once."""
    app, key = await handsets.create_app(deps, name, by=operator_at_terminal())
    delete_it = f"callmark handset-app delete {app.id}{where_again()}"
    out.made_with_secret(
        {"handset_app_id": app.id, "handset_app_key": key},
        "Handset app created.",
        "Copy the handset app key now. It is not shown again.",
        f"Handset app {app.id} is created, but its key is lost. Delete it: {delete_it}",
    )


@group.command("list")
@operator
async def list_(deps: Deps, out: Output) -> None:
    """List all handset apps, including revoked ones, oldest first."""
    rows = [_row(app) for app in await handsets.list_apps(deps)]
    out.rows(rows, _COLUMNS, empty="No handset apps yet. Create one with `callmark handset-app create --name NAME`.")


@group.command
@id_argument
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: HandsetAppId, *, yes: bool) -> None:
    """Revoke a handset app and end every registration made with its key."""
    sure("Revoke this app? All handsets registered with it are unregistered.", yes=yes)
    app = await handsets.revoke_app(deps, id, by=operator_at_terminal())
    out.done(_row(app), f"Handset app {app.name!r} revoked.")


def _row(app: HandsetApp) -> Row:
    return {
        "handset_app_id": app.id,
        "name": app.name,
        "created_at": app.created_at,
        "revoked_at": app.revoked_at,
    }
