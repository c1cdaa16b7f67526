"""`callmark feature-set`: the label, call reason and offers that listed numbers show."""

from typing import TypeVar

import click
from msgspec import UNSET, UnsetType

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import (
    FeatureSet,
    FeatureSetChange,
    FeatureSetPlace,
    NewFeatureSet,
    NodeFilter,
    PhoneType,
)
from callmark.domain.ids import AccountId, CallReasonId, DepartmentId, FeatureSetId, LabelId, OperationId, ProcessId
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput
from callmark.surfaces.cli.command import FeatureGroup, operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, at_least_one, id_argument, yes_option
from callmark.surfaces.cli.paging import say_more
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = (
    "id",
    "name",
    "status",
    "department_name",
    "operation_name",
    "process_name",
    "sub_process_name",
    "number_count",
)


Id = TypeVar("Id", LabelId, CallReasonId)


@click.group(cls=FeatureGroup, feature=Feature.NUMBER_MANAGEMENT)
def group() -> None:
    """Manage feature sets: what the numbers in them show and offer."""


@group.command
@account_option
@click.option(
    "--process", type=click.UUID, required=True, metavar="ID", help="The process or sub-process it belongs to."
)
@click.option("--name", required=True, help="At most 100 characters, unique in its process.")
@click.option("--description", default="", help="At most 500 characters.")
@click.option("--label", type=click.UUID, metavar="ID", help="A static label; required before you publish.")
@click.option("--call-reason", type=click.UUID, metavar="ID", help="A call reason from the account's library.")
@click.option("--call-me-back", is_flag=True, help="Let people who missed the call request a callback.")
@click.option("--survey", is_flag=True, help="Ask receivers for feedback.")
@click.option("--phone-type", type=click.Choice(PhoneType, case_sensitive=False), default="verified", show_default=True)
@operator
async def create(
    deps: Deps,
    out: Output,
    account: AccountId,
    process: ProcessId,
    name: str,
    description: str,
    label: LabelId | None,
    call_reason: CallReasonId | None,
    *,
    phone_type: PhoneType,
    call_me_back: bool,
    survey: bool,
) -> None:
    """Create a feature set as a draft."""
    made = await feature_sets.create_feature_set(
        deps,
        account,
        process,
        NewFeatureSet(
            name, description, label, call_reason, call_me_back=call_me_back, survey=survey, phone_type=phone_type
        ),
        by=operator_at_terminal(),
    )
    out.item(await _told(deps, made), "Feature set created.")


@group.command("list")
@account_option
@click.option("--department", type=click.UUID, metavar="ID", help="Only in this department.")
@click.option("--operation", type=click.UUID, metavar="ID", help="Only in this operation.")
@click.option("--process", type=click.UUID, metavar="ID", help="Only in this process or sub-process.")
@click.option("--page", type=click.IntRange(1), default=1, help="Page number, starting at 1.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Feature sets per page.")
@operator
async def list_(
    deps: Deps,
    out: Output,
    account: AccountId,
    department: DepartmentId | None,
    operation: OperationId | None,
    process: ProcessId | None,
    page: int,
    limit: int,
) -> None:
    """List feature sets, newest first."""
    if sum(one is not None for one in (department, operation, process)) > 1:
        raise InvalidInput("only one filter is allowed")
    await accounts.get_account(deps, account)
    within = NodeFilter(department, operation, process)
    found, total = await feature_sets.list_placed(deps, account, within, page=page, limit=limit)
    if page * limit < total:
        say_more(f"--page {page + 1}")
    rows = [_row(placed.feature_set, placed.place) for placed in found]
    out.rows(rows, _COLUMNS, empty="No feature sets match. Create one with `callmark feature-set create`.")


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: FeatureSetId, account: AccountId) -> None:
    """Show one feature set or number group."""
    out.item(await _told(deps, await feature_sets.get_feature_set(deps, account, id)))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name.")
@click.option("--description", help="A new description; an empty one removes it.")
@click.option("--label", type=click.UUID, metavar="ID", help="Another static label.")
@click.option("--no-label", is_flag=True, help="Remove its label; not possible while it is published.")
@click.option("--call-reason", type=click.UUID, metavar="ID", help="Another call reason.")
@click.option("--no-call-reason", is_flag=True, help="Remove its call reason.")
@click.option("--call-me-back/--no-call-me-back", default=None, help="Whether receivers can request a callback.")
@click.option("--survey/--no-survey", default=None, help="Whether receivers are asked for feedback.")
@click.option(
    "--phone-type",
    type=click.Choice(PhoneType, case_sensitive=False),
    help="The phone type; can change only while no number is in it.",
)
@operator
async def update(
    deps: Deps,
    out: Output,
    id: FeatureSetId,
    account: AccountId,
    name: str | None,
    description: str | None,
    label: LabelId | None,
    call_reason: CallReasonId | None,
    *,
    phone_type: PhoneType | None,
    no_label: bool,
    no_call_reason: bool,
    call_me_back: bool | None,
    survey: bool | None,
) -> None:
    """Change a feature set; its listed numbers show the change from the next call."""
    switches = [None if switch is None else "given" for switch in (call_me_back, survey)]
    at_least_one(name, description, label, no_label, call_reason, no_call_reason, phone_type, *switches)
    change = FeatureSetChange(
        name=UNSET if name is None else name,
        description=UNSET if description is None else description,
        label_id=_changed(label, "label", gone=no_label),
        call_reason_id=_changed(call_reason, "call-reason", gone=no_call_reason),
        call_me_back=UNSET if call_me_back is None else call_me_back,
        survey=UNSET if survey is None else survey,
        phone_type=UNSET if phone_type is None else phone_type,
    )
    changed = await feature_sets.update_feature_set(deps, account, id, change, by=operator_at_terminal())
    out.item(await _told(deps, changed), "Feature set updated.")


@group.command
@id_argument
@account_option
@click.option("--process", type=click.UUID, required=True, metavar="ID", help="The new process or sub-process.")
@operator
async def move(deps: Deps, out: Output, id: FeatureSetId, account: AccountId, process: ProcessId) -> None:
    """Move a feature set and its numbers to another process."""
    moved = await feature_sets.move_feature_set(deps, account, id, process, by=operator_at_terminal())
    out.item(await _told(deps, moved), "Feature set moved.")


@group.command
@id_argument
@account_option
@operator
async def publish(deps: Deps, out: Output, id: FeatureSetId, account: AccountId) -> None:
    """Publish a feature set; its listed numbers show its identity from the next call."""
    published = await feature_sets.publish_feature_set(deps, account, id, by=operator_at_terminal())
    out.item(await _told(deps, published), "Feature set published.")


@group.command
@id_argument
@account_option
@operator
async def unpublish(deps: Deps, out: Output, id: FeatureSetId, account: AccountId) -> None:
    """Unpublish a feature set; its numbers stay listed but show nothing from the next call."""
    unpublished = await feature_sets.unpublish_feature_set(deps, account, id, by=operator_at_terminal())
    out.item(await _told(deps, unpublished), "Feature set unpublished.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: FeatureSetId, account: AccountId, *, yes: bool) -> None:
    """Delete a feature set that has no numbers, with its Call Me Back configuration and campaigns."""
    found = await feature_sets.get_feature_set(deps, account, id)
    waiting = (await feature_sets.get_dependents(deps, found.id)).open_request_count
    left = f" Only admins then see its Call Me Back requests ({waiting:,} not done)." if waiting else ""
    sure(f"Delete {found.name!r} with its Call Me Back configuration, campaigns and their answers?{left}", yes=yes)
    await feature_sets.delete_feature_set(deps, found.account_id, found.id, by=operator_at_terminal())
    out.done({"id": found.id}, f"Feature set {found.name!r} deleted.")


def _changed(given: Id | None, option: str, *, gone: bool) -> Id | UnsetType | None:
    """What a pair of options says: another one, none, or nothing about it."""
    if gone and given is not None:
        raise click.UsageError(f"use either --{option} or --no-{option}, not both")
    return None if gone else UNSET if given is None else given


async def _told(deps: Deps, found: FeatureSet) -> Row:
    if found.is_number_group:
        return _row(found, None)
    placed = await feature_sets.get_placed(deps, found.account_id, found.id)
    return _row(placed.feature_set, placed.place)


def _row(found: FeatureSet, place: FeatureSetPlace | None) -> Row:
    """A number group has no place."""
    return {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "status": found.state,
        "phone_type": found.phone_type,
        "label_id": found.label_id,
        "call_reason_id": found.call_reason_id,
        "call_me_back": found.call_me_back,
        "survey": found.survey,
        "number_count": found.number_count,
        "department_id": place and place.department_id,
        "department_name": place and place.department_name,
        "operation_id": place and place.operation_id,
        "operation_name": place and place.operation_name,
        "process_id": place and place.process_id,
        "process_name": place and place.process_name,
        "sub_process_id": place and place.sub_process_id,
        "sub_process_name": place and place.sub_process_name,
        "created_by_email": found.created_by_email,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }
