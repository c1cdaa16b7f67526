"""`callmark record`: pushed call records and their timelines."""

from datetime import datetime, timedelta
from uuid import UUID

import click
import msgspec

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.policy.plan import Feature
from callmark.instants import iso_ms
from callmark.surfaces.cli.command import FeatureGroup, operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_MS, _SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
_COLUMNS = ("id", "caller_number", "receiver_number", "label_name", "outcome", "timeline")


@click.group(cls=FeatureGroup, feature=Feature.CALL_PERSONALISATION)
def group() -> None:
    """Show pushed call records, or withdraw one."""


@group.command("list")
@click.option("--batch", type=click.UUID, required=True, metavar="ID", help="The batch's id.")
@click.option("--account", type=click.UUID, metavar="ID", help="Only if the batch belongs to this client account.")
@operator
async def list_(deps: Deps, out: Output, batch: UUID, account: AccountId | None) -> None:
    """List a batch's call records and their timelines, in order of submission.

    A timeline shows when the record was accepted, how long each later stage took, and the calls it was shown in.
    """
    records = [
        (record, await calls.calls_of_record(deps, record.key))
        for record in await personalisation.records_of_batch(deps, batch, account)
    ]
    rows = [_row(*record) if out.as_json else _line(*record) for record in records]
    hint = "No call records found. Check the batch id; its records may also be older than the retention period."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: UUID, account: AccountId) -> None:
    """Show one call record with its timeline and the calls it was shown in."""
    record = await personalisation.get_record(deps, account, id)
    _show(out, record, await calls.calls_of_record(deps, record.key))


@group.command
@id_argument
@account_option
@yes_option
@operator
async def withdraw(deps: Deps, out: Output, id: UUID, account: AccountId, *, yes: bool) -> None:
    """Withdraw a call record from its handset."""
    record = await personalisation.get_record(deps, account, id)
    sure(f"Withdraw the record of {record.key.receiver_number}? Its handset will no longer show it.", yes=yes)
    withdrawn = await personalisation.withdraw_record(deps, account, id, by=operator_at_terminal())
    _show(out, withdrawn, await calls.calls_of_record(deps, withdrawn.key), "Call record withdrawn.")


def _show(out: Output, record: StoredRecord, shown_in: list[Call], said: str = "") -> None:
    row = dict(_row(record, shown_in))
    if not out.as_json:
        row["outcome"] = _outcome(record)
        row["calls"] = "; ".join(map(_call, shown_in))
        row["submitted"] = record.submitted
    out.item(row, said)


def _row(record: StoredRecord, shown_in: list[Call]) -> Row:
    """Every fact; for an invalid record the typed values are null and `submitted` holds what was sent."""
    is_invalid = record.outcome is Outcome.INVALID
    return {
        "id": record.key.id,
        "batch_id": record.batch_id,
        "client_account_id": record.account_id,
        "position": record.position,
        "caller_number": record.caller_number,
        "receiver_number": None if is_invalid else record.key.receiver_number,
        "label_id": record.label_id,
        "label_name": record.label_name,
        "call_reason": record.call_reason,
        "starts_at": record.starts_at,
        "ends_at": None if is_invalid else record.key.ends_at,
        "outcome": record.outcome,
        "fault_field": record.fault_field,
        "fault": record.fault,
        "submitted": msgspec.Raw(record.submitted.encode()) if record.submitted else None,
        "accepted_at": record.accepted_at,
        "sent_at": record.sent_at,
        "settled_at": record.settled_at,
        "first_outcome": record.first_outcome,
        "delivered_late_at": record.delivered_late_at,
        "withdrawn_at": record.withdrawn_at,
        "calls": [_call_row(call) for call in shown_in],
    }


def _call_row(call: Call) -> Row:
    return {
        "id": call.id,
        "caller_number": call.caller_number,
        "shown_at": call.shown_at,
        "outcome": call.outcome,
        "ended_at": call.ended_at,
        "verification": call.details.verification,
        "duration_s": call.details.duration_s,
        "disconnect": call.details.disconnect,
    }


def _line(record: StoredRecord, shown_in: list[Call]) -> Row:
    """One record as a line of the table."""
    return {
        "id": record.key.id,
        "caller_number": record.caller_number,
        "receiver_number": record.key.receiver_number,
        "label_name": record.label_name,
        "outcome": _outcome(record),
        "timeline": _timeline(record, shown_in),
    }


def _timeline(record: StoredRecord, shown_in: list[Call]) -> str:
    """What happened to the record: acceptance as an instant, the rest as the time since, then its calls."""
    stages = {
        "sent": record.sent_at,
        "settled": record.settled_at,
        "delivered late": record.delivered_late_at,
        "withdrawn": record.withdrawn_at,
    }
    said = [f"{stage} {_since(record, at)}" for stage, at in stages.items() if at]
    return "; ".join([f"accepted {iso_ms(record.accepted_at)}", *said, *map(_call, shown_in)])


def _outcome(record: StoredRecord) -> str:
    """The outcome in words, with an invalid record's fault, or what came before a late delivery."""
    words = record.outcome.replace("_", " ")
    if record.fault:
        return f"{words} ({record.fault_field}: {record.fault.replace('_', ' ')})"
    if record.delivered_late_at and record.first_outcome:
        return f"{words} (late, first {record.first_outcome.replace('_', ' ')})"
    return words


def _call(call: Call) -> str:
    shown = f"shown {iso_ms(call.shown_at)}" if call.shown_at else "rang"
    return f"{shown}, {call.outcome}" if call.outcome else shown


def _since(record: StoredRecord, at: datetime) -> str:
    """`+12 ms` or `+3.4 s` after acceptance."""
    apart = at - record.accepted_at
    return f"+{apart / _MS:.0f} ms" if apart < _SECOND else f"+{apart / _SECOND:.1f} s"
