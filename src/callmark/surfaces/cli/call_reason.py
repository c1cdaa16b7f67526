"""`callmark structure call-reason`: the account's library of reasons that feature sets choose from."""

import click

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallReasonId
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

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
async def create(deps: Deps, out: Output, account: AccountId, text: str) -> None:
    """Add a call reason."""
    made = await call_reasons.create_call_reason(deps, account, text=text, by=operator_at_terminal())
    out.item(_row(made), "Call reason created.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List the library, newest first."""
    rows = [_row(one) for one in await call_reasons.list_call_reasons(deps, account)]
    hint = f"No call reasons yet. Add one with `callmark structure call-reason create --account {account} --text TEXT`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: CallReasonId, account: AccountId) -> None:
    """Show one call reason."""
    out.item(_row(await call_reasons.get_call_reason(deps, account, id)))


@group.command
@id_argument
@account_option
@_text_option
@operator
async def update(deps: Deps, out: Output, id: CallReasonId, account: AccountId, text: str) -> None:
    """Change the wording; feature sets that use it show the new text from the next call."""
    changed = await call_reasons.update_call_reason(deps, account, id, text=text, by=operator_at_terminal())
    out.item(_row(changed), "Call reason updated.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: CallReasonId, account: AccountId, *, yes: bool) -> None:
    """Delete a call reason that no feature set uses."""
    reason = await call_reasons.get_call_reason(deps, account, id)
    sure(f"Delete {reason.text!r}?", yes=yes)
    await call_reasons.delete_call_reason(deps, reason.account_id, reason.id, by=operator_at_terminal())
    out.done({"id": reason.id}, f"Call reason {reason.text!r} deleted.")


def _row(reason: CallReason) -> Row:
    return {
        "id": reason.id,
        "text": reason.text,
        "created_by_email": reason.created_by_email,
        "created_at": reason.created_at,
    }
