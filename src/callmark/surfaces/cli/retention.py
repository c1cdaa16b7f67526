"""`callmark retention`: for how long each kind of thing is kept, and whether the jobs that delete keep up."""

import click

from callmark.domain.deps import Deps
from callmark.domain.retention import service
from callmark.domain.retention.model import KindState
from callmark.kit.exit_status import AnsweringCommand
from callmark.kit.settings.variables import variable_of
from callmark.surfaces.cli.command import operator
from callmark.terminal import Output, Row

_COLUMNS = ("kind", "days", "setting", "oldest_at", "overdue")


@click.command(cls=AnsweringCommand)
@operator
async def retention(deps: Deps, out: Output) -> None:
    """Show for how long each kind of thing is kept, the oldest that is there, and what is overdue.

    Exit status 1 when something is kept for longer than it should be, 2 when it cannot look.
    """
    async with deps.db.connection() as tx:
        found = await service.look(tx, deps.settings, deps.clock.now())
    out.rows([_row(one) for one in found], _COLUMNS, empty="")
    if any(one.is_overdue for one in found):
        click.get_current_context().exit(1)


def _row(one: KindState) -> Row:
    kind = one.kind
    return {
        "kind": kind.name,
        "days": one.period.total_seconds() / 86_400 if one.period else None,
        "setting": variable_of(kind.setting) if kind.setting else None,
        "oldest_at": one.oldest_at,
        "overdue": one.is_overdue,
    }
