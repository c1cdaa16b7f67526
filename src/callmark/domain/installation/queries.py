"""The SQL of the installation's one row, and of what runs on its database."""

from datetime import datetime
from uuid import UUID

from callmark.kit.heartbeats import connected_kinds, heartbeats_of
from callmark.kit.postgres.database import Row, Tx, affected, fetch_one


async def select_state(tx: Tx) -> Row:
    """The row, and how many deliveries wait."""
    return await fetch_one(
        tx, "SELECT id, place, held_at, (SELECT count(*) FROM waiting_delivery) AS deliveries FROM installation"
    )


async def count_processes(tx: Tx) -> int:
    """Processes that are alive, or else kinds of those that are connected."""
    beating = sum(beat.is_alive and beat.kind != "operator" for beat in await heartbeats_of(tx))
    return max(beating, len(await connected_kinds(tx)))


async def update_renewed(tx: Tx, installation_id: UUID, real_now: datetime, place: str) -> None:
    """Gives it another id, holds it, and forgets the processes of the other one."""
    await tx.execute(
        "UPDATE installation SET id = $1, held_at = $2, place = nullif($3, '')", installation_id, real_now, place
    )
    await tx.execute("DELETE FROM process")


async def update_place(tx: Tx, place: str) -> None:
    """Records where it is."""
    await tx.execute("UPDATE installation SET place = nullif($1, '')", place)


async def update_released(tx: Tx) -> bool:
    """Lets it send again; false when it was not held."""
    return affected(await tx.execute("UPDATE installation SET held_at = NULL WHERE held_at IS NOT NULL")) > 0
