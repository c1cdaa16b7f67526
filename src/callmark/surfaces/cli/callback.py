"""`callmark callback`: what feature sets offer after a missed call, and the requests of receivers."""

import click

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.hours import hours_text
from callmark.domain.callbacks.model import ALL_STATES, CallbackConfig, CallbackRequest, RequestFilter, RequestState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallbackRequestId, FeatureSetId
from callmark.domain.policy.plan import Feature
from callmark.domain.sessions.model import email_address
from callmark.surfaces.cli.command import FeatureGroup, operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.paging import part
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_CONFIG_COLUMNS = ("feature_set_id", "name", "slot_picker", "time_zone", "hours")
_COLUMNS = ("id", "business_number", "receiver_number", "requested_at", "slot_starts_at", "state", "handled_by_email")

_feature_set_option = click.option(
    "--feature-set", type=click.UUID, required=True, metavar="ID", help="The feature set's, or number group's, id."
)
_email_option = click.option(
    "--email", help="The member who calls back; by default you, as user@host.", metavar="ADDRESS"
)


@click.group(cls=FeatureGroup, feature=Feature.CALL_ME_BACK)
def group() -> None:
    """Manage Call Me Back: the settings of feature sets, and callback requests."""


@group.command("set")
@account_option
@_feature_set_option
@click.option("--name", help="The configuration's name, at most 100 characters (default: the feature set's name).")
@click.option(
    "--slot-picker/--no-slot-picker", default=None, help="Whether receivers choose a half-hour slot (default: no)."
)
@click.option("--time-zone", metavar="ZONE", help="Time zone of the hours, such as Asia/Kolkata (default: UTC).")
@click.option(
    "--hours", metavar="HOURS", help='Business hours, such as "mon-fri 10:00-14:00,15:00-18:00; sat 10am-1pm".'
)
@operator
async def set_(
    deps: Deps,
    out: Output,
    account: AccountId,
    feature_set: FeatureSetId,
    name: str | None,
    time_zone: str | None,
    hours: str | None,
    *,
    slot_picker: bool | None,
) -> None:
    """Configure what a feature set offers; options that you leave out stay as they are.

    Receivers get the offer only while the feature set is published and its Call Me Back switch is on.
    """
    config = await callbacks.set_config(
        deps,
        account,
        feature_set,
        by=operator_at_terminal(),
        name=name,
        slot_picker=slot_picker,
        time_zone=time_zone,
        hours=hours,
    )
    out.item(_config_row(config), "Call Me Back configured.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's configurations, newest first."""
    rows = [_config_row(config) for config in await callbacks.list_configs(deps, account)]
    hint = f"No configurations yet. Create one with `callmark callback set --account {account} --feature-set ID`."
    out.rows(rows, _CONFIG_COLUMNS, empty=hint)


@group.command
@account_option
@_feature_set_option
@operator
async def show(deps: Deps, out: Output, account: AccountId, feature_set: FeatureSetId) -> None:
    """Show a feature set's configuration."""
    out.item(_config_row(await callbacks.get_config(deps, account, feature_set)))


@group.command
@account_option
@_feature_set_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, account: AccountId, feature_set: FeatureSetId, *, yes: bool) -> None:
    """Delete a feature set's configuration; while its switch is on, callbacks are offered without slots."""
    config = await callbacks.get_config(deps, account, feature_set)
    sure(f"Delete {config.name!r}? Receivers can no longer choose a slot.", yes=yes)
    await callbacks.delete_config(deps, config.account_id, config.feature_set_id, by=operator_at_terminal())
    out.done({"feature_set_id": config.feature_set_id}, f"Configuration {config.name!r} deleted.")


@group.command
@account_option
@click.option(
    "--state",
    "states",
    type=click.Choice(RequestState, case_sensitive=False),
    multiple=True,
    help="Only requests in this state (repeat for several states).",
)
@click.option("--after", type=click.UUID, metavar="ID", help="Only requests after this one in the list.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most this many.")
@operator
async def requests(
    deps: Deps,
    out: Output,
    account: AccountId,
    states: tuple[RequestState, ...],
    after: CallbackRequestId | None,
    limit: int,
) -> None:
    """List callback requests, newest first."""
    behind = await work_list.position_of(deps, account, after) if after else None
    wanted = RequestFilter(frozenset(states) or ALL_STATES)
    found = await work_list.list_requests(deps, account, wanted, after=behind, limit=limit + 1)
    rows = [_row(request) for request in part(found, limit, lambda one: one.id)]
    out.rows(rows, _COLUMNS, empty="No requests match.")


@group.command
@id_argument
@account_option
@_email_option
@operator
async def take(deps: Deps, out: Output, id: CallbackRequestId, account: AccountId, email: str | None) -> None:
    """Assign a new request to the member who will call back."""
    of = deps, account, id
    out.item(_row(await work_list.take(*of, by=operator_at_terminal(), email=_handler(email))), "Request assigned.")


@group.command
@id_argument
@account_option
@_email_option
@operator
async def done(deps: Deps, out: Output, id: CallbackRequestId, account: AccountId, email: str | None) -> None:
    """Mark a request as done, after the callback."""
    of = deps, account, id
    out.item(
        _row(await work_list.finish(*of, by=operator_at_terminal(), email=_handler(email))), "Request marked as done."
    )


def _handler(email: str | None) -> str:
    """Who calls back, empty for the one who runs the command. Raises InvalidInput for what is no address."""
    return "" if email is None else email_address(email)


def _config_row(config: CallbackConfig) -> Row:
    return {
        "feature_set_id": config.feature_set_id,
        "name": config.name,
        "slot_picker": config.slot_picker,
        "time_zone": config.time_zone.key,
        "hours": hours_text(config.hours),
        "created_by_email": config.created_by_email,
        "created_at": config.created_at,
        "updated_at": config.updated_at,
    }


def _row(request: CallbackRequest) -> Row:
    return {
        "id": request.id,
        "feature_set_id": request.feature_set_id,
        "feature_set_name": request.feature_set_name,
        "business_number": request.business_number,
        "receiver_number": request.receiver_number,
        "is_sim_unknown": request.is_sim_unknown,
        "alternate_number": request.alternate_number,
        "requested_at": request.requested_at,
        "is_interested": request.is_interested,
        "slot_starts_at": request.slot_starts_at,
        "config_name": request.config_name,
        "state": request.state,
        "handled_by_email": request.handled_by_email,
        "handled_at": request.handled_at,
    }
