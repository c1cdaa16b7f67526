"""`callmark person`: what is kept about a phone number, exported for its person or erased."""

import sys
from contextlib import aclosing
from functools import partial
from typing import BinaryIO

import click
import msgspec

from callmark.domain.deps import Deps
from callmark.domain.ids import ErasureId
from callmark.domain.persons import erasing, exporting, service
from callmark.domain.persons.model import Erasure
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.files import written
from callmark.surfaces.cli.options import id_argument, yes_option
from callmark.surfaces.cli.paging import part
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "state", "requested_by", "requested_at", "ended_at", "rows")
_number = click.argument("number")
_LISTED = "A business has listed this number. What is about it as the business's own number stays."


@click.group
def group() -> None:
    """Export or erase what the installation keeps about a phone number."""


@group.command
@_number
@click.option("--output", type=click.File("wb"), default="-", metavar="FILE", help="Write it to a file.")
@partial(operator, every_table=True)
async def export(deps: Deps, _out: Output, number: str, output: BinaryIO) -> None:
    """Write everything that is kept about a phone number, as JSON. Reads the whole database."""
    made = await exporting.export_person(deps, service.parse_number(number), by=operator_at_terminal())
    with written(output):
        async with aclosing(exporting.indented(made)) as parts:  # or its end is noted when the database is closed
            async for part in parts:
                output.write(part)
        output.write(b"\n")


@group.command
@_number
@yes_option
@partial(operator, every_table=True)
async def erase(deps: Deps, out: Output, number: str, *, yes: bool) -> None:
    """Erase everything that is kept about a phone number; this cannot be undone.

    It may be interrupted: a worker then does the rest. Run again it finds what is left.
    """
    wanted = service.parse_number(number)
    sure(f"Erase everything about {wanted} in every account?", yes=yes)
    made = await service.request_erasure(deps, wanted, by=operator_at_terminal(), here=True)
    done = await erasing.run_here(deps, made.id, _tell)
    out.item(_row(done), "Nothing about the number is left.", _LISTED if done.is_listed else "")


async def _tell(one: Erasure) -> None:
    if sys.stderr.isatty():
        click.echo(
            f"  look {one.pass_number}: {one.tables_done} of {one.table_count} tables, {one.rows} rows", err=True
        )


@group.command("list")
@click.option("--after", type=click.UUID, metavar="ID", help="Show the page after this erasure.")
@click.option("--limit", type=click.IntRange(1, 1000), default=500, show_default=True)
@operator
async def list_(deps: Deps, out: Output, after: ErasureId | None, limit: int) -> None:
    """List erasures, newest first, also those that are done; their numbers are not known any longer."""
    last = await service.get_erasure(deps, after) if after else None
    found = await service.list_erasures(deps, (last.requested_at, last.id) if last else None, limit + 1)
    rows = [_row(one) for one in part(found, limit, lambda one: one.id)]
    out.rows(rows, _COLUMNS, empty="No erasures yet.")


@group.command
@id_argument
@operator
async def show(deps: Deps, out: Output, id: ErasureId) -> None:
    """Show how far an erasure is."""
    out.item(_row(await service.get_erasure(deps, id)))


@group.command
@operator
async def digests(deps: Deps, _out: Output) -> None:
    """Print digests of all erased numbers as JSON, for `callmark restore --erasures`. Keep them beside the backups."""
    async with deps.db.connection() as tx:
        click.echo(msgspec.json.format(msgspec.json.encode(await service.known_erasures(tx))))


def _row(one: Erasure) -> Row:
    return {
        "id": one.id,
        "state": one.state.value,
        "number": one.shown_number or None,
        "is_listed": one.is_listed,
        "requested_by": one.requested_by,
        "requested_at": one.requested_at,
        "ended_at": one.ended_at,
        "look": one.pass_number,
        "tables_done": one.tables_done,
        "table_count": one.table_count,
        "rows": one.rows,
    }
