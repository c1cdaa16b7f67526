"""Deletes what is older than it is kept, where its age alone decides."""

from callmark.domain.deps import Deps
from callmark.domain.retention.model import KeptKind
from callmark.kit.postgres.piecewise import delete_older, delete_older_by_id


async def delete_old(deps: Deps, kind: KeptKind) -> None:
    """Deletes rows of the kind's plain tables, in pieces; none where it is kept without an end. Safe to repeat."""
    if (period := kind.period(deps.settings)) is None:
        return
    before = deps.clock.now() - period
    for table in kind.plain_tables:
        if table.by_id:
            await delete_older_by_id(deps.db, table.name, table.column, before)
        else:
            await delete_older(deps.db, table.name, table.column, before, table.piece)
