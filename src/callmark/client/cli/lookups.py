"""`callmark batches show`, `records show` and `resolve`: what the outcome is, and what would show."""

from contextlib import suppress

import click
from msgspec import structs

from callmark.client.cli.progress import meter
from callmark.client.cli.session import SOME_FAILED, CommandSession, ServerRefuses, command, end
from callmark.client.errors import NotFound, WaitTimeout
from callmark.client.results import PENDING, SUCCESS, RecordResult
from callmark.client.sync_client import Client
from callmark.client.sync_resources import Batch
from callmark.tables.phones import read_phone
from callmark.tables.plans import country_hint

_LOOK_EVERY_S = 2.0
_STAGES = ("pushed", "delivered", "delivered_late", "shown", "answered", "missed", "rejected", "withdrawn")


@click.group
def batches() -> None:
    """Look at batches of call records."""


@batches.command("show")
@click.argument("batch_id", metavar="ID")
@click.option("--watch", is_flag=True, help="Wait until every record has an outcome.")
@command
def show_batch(session: CommandSession, batch_id: str, *, watch: bool) -> None:
    """The counts of a batch, how far its records came, and each record.

    The exit code is 1 if a record failed.
    """
    with session.client() as client:
        batch = client.batches.get(batch_id)
        if not batch.records:
            raise ServerRefuses(f"there is no batch {batch_id} in this account")
        if watch:
            _watch(batch)
        stages = _stages(client, batch_id)
    rows = [_row(result) for result in batch.records]
    item = {"batch_id": batch_id, "is_settled": batch.is_settled, **batch.counts, **stages}
    if session.output.as_json:
        session.output.item({**item, "records": rows})
    else:
        session.output.item(item)
        session.output.rows(rows, ("record_id", "receiver", "status", "message"), empty="")
    if any(result.status not in (PENDING, SUCCESS) for result in batch.records):
        end(SOME_FAILED)


def _watch(batch: Batch) -> None:
    with meter("Settled", len(batch.records)) as shown:
        settled = 0
        while True:
            now = len(batch.records) - batch.counts[PENDING]
            shown.advance(now - settled)
            settled = now
            if batch.is_settled:
                return
            with suppress(WaitTimeout):
                batch.wait(_LOOK_EVERY_S)


def _stages(client: Client, batch_id: str) -> dict[str, int]:
    """How many records reached each stage; nothing where the platform has no such route."""
    try:
        funnel = client.batches.funnel(batch_id)
    except NotFound:
        return {}
    return {name: getattr(funnel, name) for name in _STAGES}


def _row(result: RecordResult) -> dict[str, object]:
    return {
        "record_id": result.record_id,
        "caller": result.record.caller,
        "receiver": result.record.receiver,
        "status": result.status,
        "message": result.message,
        "field": result.field,
    }


@click.group
def records() -> None:
    """Look at single call records."""


@records.command("show")
@click.argument("record_id", metavar="ID")
@command
def show_record(session: CommandSession, record_id: str) -> None:
    """A call record and what happened to it, step by step."""
    with session.client() as client:
        record = client.records.get(record_id)
        steps = [structs.asdict(step) for step in client.records.timeline(record_id)]
    item = structs.asdict(record)
    if session.output.as_json:
        session.output.item({**item, "timeline": steps})
        return
    session.output.item({name: value for name, value in item.items() if name not in ("calls", "submitted", "fault")})
    session.output.rows(steps, ("at", "what", "detail"), empty="Nothing has happened to it yet.")


@click.command
@click.argument("caller")
@click.argument("receiver")
@command
def resolve(session: CommandSession, caller: str, receiver: str) -> None:
    """What RECEIVER would see if CALLER rang now, and why."""
    with session.client() as client:
        found = client.resolve(caller, receiver)
    identity = structs.asdict(found.identity) if found.identity else None
    if session.output.as_json:
        session.output.item({**structs.asdict(found), "identity": identity})
        return
    shown = {name: (identity or {}).get(name) for name in ("name", "call_reason", "record_id")}
    session.output.item({"shows": found.shows, **shown, "why": found.why})
    read = [read_phone(text) for text in (receiver, caller)]
    if hint := country_hint(*(one for one in read if isinstance(one, str))):
        click.echo(f"Note: {hint}", err=True)
