"""`callmark structure call-reason`: the account's library of reasons that feature sets choose from."""

from uuid import UUID

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import CallReasonId
from callmark.domain.structure import library
from callmark.domain.structure.call_reason import CallReason
from callmark.surfaces.cli.output import Output, Row
from callmark.surfaces.cli.session import account_id, account_option, id_argument, operator, sure, yes_option

_COLUMNS = ("id", "text", "created_by_email", "created_at")
_RULES = "10 to 100 characters, without !@#$%^&*()_+/; must not begin or end with a space, period, comma or hyphen"

_text_option = click.option("--text", required=True, help=f"What handsets show under the name: {_RULES}.")


@click.group
def group() -> None:
    """Manage the call reason library."""


@group.command
@account_option
@_text_option
@operator
async def create(deps: Deps, out: Output, account: UUID, text: str) -> None:
    """Add a call reason."""
    maker = await accounts.creator_email(deps, account_id(account))
    made = await library.create_call_reason(deps, account_id(account), text=text, created_by_email=maker)
    out.item(_row(made), "Call reason created.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: UUID) -> None:
    """List the library, newest first."""
    rows = [_row(one) for one in await library.list_call_reasons(deps, account_id(account))]
    hint = f"No call reasons yet. Add one with `callmark structure call-reason create --account {account} --text TEXT`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: UUID, account: UUID) -> None:
    """Show one call reason."""
    out.item(_row(await library.get_call_reason(deps, account_id(account), CallReasonId(id))))


@group.command
@id_argument
@account_option
@_text_option
@operator
async def update(deps: Deps, out: Output, id: UUID, account: UUID, text: str) -> None:
    """Change the wording; feature sets that use it show the new text from the next call."""
    changed = await library.update_call_reason(deps, account_id(account), CallReasonId(id), text=text)
    out.item(_row(changed), "Call reason updated.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: UUID, account: UUID, *, yes: bool) -> None:
    """Delete a call reason that no feature set uses."""
    reason = await library.get_call_reason(deps, account_id(account), CallReasonId(id))
    sure(f"Delete {reason.text!r}?", yes=yes)
    await library.delete_call_reason(deps, reason.account_id, reason.id)
    out.done({"id": reason.id}, f"Call reason {reason.text!r} deleted.")


def _row(reason: CallReason) -> Row:
    return {
        "id": reason.id,
        "text": reason.text,
        "created_by_email": reason.created_by_email,
        "created_at": reason.created_at,
    }
