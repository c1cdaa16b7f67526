"""Named snapshots of the whole installation, and the one of its seed, which has no name that anyone could give."""

import re

from callmark.domain.deps import Deps
from callmark.kit.errors import Conflict, EngineRefuses, NotFound, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import schema_number
from callmark.surfaces.emulator.states import snapshot_queries
from callmark.surfaces.emulator.states.model import Snapshot

SEED = "(seed)"
MOST = 50
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GRANT = "let its user make their schema, `emulator`: GRANT CREATE ON DATABASE."
_UNKNOWN = "there is no snapshot with this name"


def parse_name(text: str) -> str:
    """The name of a snapshot. Raises NotFound: nothing has another name."""
    if not _NAME.fullmatch(text):
        raise NotFound("a snapshot's name must have 1 to 64 letters, digits, dots, hyphens and underscores")
    return text


async def take(deps: Deps, name: str) -> Snapshot:
    """Keeps everything as it is at this moment, in place of an earlier snapshot of that name.

    Raises Conflict when there are as many as can be kept, or the database lets none be kept.
    """
    try:
        async with deps.db.transaction() as tx:
            await snapshot_queries.prepare(tx)
            names = {one.name for one in await snapshot_queries.select_snapshots(tx)} - {SEED}
            number = await schema_number(tx)
    except EngineRefuses as exc:  # no wait helps, so it is no 503
        raise Conflict(f"snapshots need a right in the database ({exc.reason}). {_GRANT}") from exc
    if name != SEED and name not in names and len(names) >= MOST:
        raise Conflict(f"there can be {MOST} snapshots. delete one first.")
    async with deps.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = await snapshot_queries.stored_tables(tx)
        made = Snapshot(name, number, deps.real_clock.now(), deps.clock.now(), new_id())
        await snapshot_queries.put_snapshot(tx, tables, made)
    return made


async def take_seed(deps: Deps) -> None:
    """Keeps everything as seeded."""
    await take(deps, SEED)


async def has_seed(deps: Deps) -> bool:
    """Whether a seed of this version is kept."""
    async with deps.db.connection() as tx:
        seeded = await snapshot_queries.select_snapshot(tx, SEED)
        return seeded is not None and await snapshot_queries.fits(tx, seeded)


async def get_seed(tx: Tx) -> Snapshot:
    """The seed. Raises Conflict when this installation has none of this version."""
    seeded = await snapshot_queries.select_snapshot(tx, SEED)
    if seeded is None or not await snapshot_queries.fits(tx, seeded):
        raise Conflict("this installation was not seeded; `callmark demo` starts one that is")
    return seeded


async def get_snapshot(tx: Tx, name: str) -> Snapshot:
    """The snapshot. Raises NotFound, and Conflict when it cannot be restored."""
    snapshot = found(await snapshot_queries.select_snapshot(tx, name), _UNKNOWN)
    if not await snapshot_queries.fits(tx, snapshot):
        raise Conflict("this snapshot was made by another version and cannot be restored. make it again.")
    return snapshot


async def list_all(deps: Deps) -> list[Snapshot]:
    """Every named snapshot, by name."""
    async with deps.db.connection() as tx:
        return [one for one in await snapshot_queries.select_snapshots(tx) if one.name != SEED]


async def get(deps: Deps, name: str) -> Snapshot:
    """One named snapshot. Raises NotFound."""
    return found(next((one for one in await list_all(deps) if one.name == name), None), _UNKNOWN)


async def delete(deps: Deps, name: str) -> None:
    """Forgets a snapshot, if it is there."""
    async with deps.db.transaction() as tx:
        if await snapshot_queries.is_prepared(tx):
            await snapshot_queries.delete_snapshot(tx, name)
