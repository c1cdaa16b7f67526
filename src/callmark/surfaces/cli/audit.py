"""`callmark audit`: whether the audit log is as it was written."""

from typing import TextIO

import click

from callmark.domain.audit import chain, sealing
from callmark.domain.audit.chain import AuditVerification
from callmark.domain.deps import Deps
from callmark.kit.exit_status import AnsweringCommand
from callmark.surfaces.cli.command import operator
from callmark.terminal import Output


@click.group
def group() -> None:
    """Verify that nobody changed the audit log."""


@group.command
@operator
async def head(deps: Deps, out: Output) -> None:
    """Print the newest seal: one line to keep where nobody who can change the database can change it."""
    seal = await sealing.newest_seal(deps)
    if out.as_json:
        out.item(chain.facts_of(seal))
    else:
        click.echo(f"{seal.number} {seal.sha256.hex()}")


@group.command(cls=AnsweringCommand)
@click.option(
    "--anchor",
    type=click.File(),
    metavar="FILE",
    help="Compare with seals that were kept: a line each, as `callmark audit head` prints it.",
)
@operator
async def verify(deps: Deps, out: Output, anchor: TextIO | None) -> None:
    """Compute every seal again, and name entries that were changed, deleted or moved.

    Exit status 1 for any, 2 when it cannot look.
    """
    anchors = chain.parse_anchors(anchor.read()) if anchor else []
    found = await sealing.verify(deps, anchors)
    said = (
        "The audit log is as it was written." if found.is_intact else f"Faults in the audit log: {found.fault_count}."
    )
    out.item(_row(found, len(anchors)) | ({"first_faults": _faults(found)} if out.as_json else {}), said)
    if not out.as_json:
        for one in found.faults:
            click.echo(f"  entry {one.number}{f' ({one.entry_id})' if one.entry_id else ''}: {one.what}")
    if not found.is_intact:
        click.get_current_context().exit(1)


def _row(found: AuditVerification, anchors: int) -> dict[str, object]:
    return {
        "checked": found.checked,
        "pruned_up_to": found.since.number,
        "number": found.head.number,
        "sha256": found.head.sha256.hex(),
        "redacted": found.redacted,
        "in_erasure": found.in_erasure,
        "unsealed": found.unsealed,
        "anchors": anchors,
        "faults": found.fault_count,
    }


def _faults(found: AuditVerification) -> list[dict[str, object]]:
    return [
        {"number": one.number, "entry_id": str(one.entry_id) if one.entry_id else None, "what": one.what}
        for one in found.faults
    ]
