"""The SQL of emulator_state, one row: the faults that are set, and the seed. The control API writes it."""

from msgspec import Struct
from msgspec.structs import astuple, replace

from callmark.kit.postgres.database import Tx, fetch_one


class Faults(Struct, frozen=True):
    """Faults that are set: the next `count` API requests fail with `slug`, each answer takes `latency_ms` longer.

    Every `drop_every`-th push to any virtual handset is lost; 0 loses none.
    """

    slug: str | None = None
    count: int = 0
    latency_ms: int = 0
    drop_every: int = 0

    @property
    def of_handsets(self) -> "Faults":
        """What is left of it without what the API's answers alone are about: the virtual handsets must hear of it."""
        return replace(self, slug=None, count=0, latency_ms=0)


_FAULTS = "fault_slug, faults_left, latency_ms, drop_every"
"""The columns of `Faults`, in the order of its fields."""


async def put_faults(tx: Tx, faults: Faults) -> None:
    """Replaces the faults that are set."""
    await tx.execute(f"UPDATE emulator_state SET ({_FAULTS}) = ($1, $2, $3, $4)", *astuple(faults))


async def select_faults(tx: Tx) -> Faults:
    """The faults that are left."""
    row = await fetch_one(tx, f"SELECT {_FAULTS} FROM emulator_state")
    return Faults(*row)


async def take_fault(tx: Tx) -> tuple[int, str | None]:
    """One request's latency in ms, and the slug of the error it is to get, taken out of the count."""
    row = await fetch_one(
        tx,
        "WITH taken AS (UPDATE emulator_state SET faults_left = faults_left - 1 WHERE faults_left > 0"
        " RETURNING fault_slug)"
        " SELECT s.latency_ms, t.fault_slug FROM emulator_state s LEFT JOIN taken t ON true",
    )
    return row[0], row[1]


async def put_seed(tx: Tx, seed: int | None) -> None:
    """Sets the seed of the handsets' randomness; None for none."""
    await tx.execute("UPDATE emulator_state SET seed = $1", seed)


async def select_seed(tx: Tx) -> int | None:
    """The seed, None when none is set."""
    return await tx.fetchval("SELECT seed FROM emulator_state")
