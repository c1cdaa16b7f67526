"""The SQL of virtual_handset, whose only writer is the farm, and of emulator_state, which the control API writes."""

import msgspec
from msgspec import Struct

from callmark.domain.handsets.model import OS
from callmark.kit.db import Row, Tx, fetch_one
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.model import Script, VirtualHandset


class Faults(Struct, frozen=True):
    """Faults that are set: the next `count` API requests fail with `slug`, each answer takes `latency_ms` longer.

    Every `drop_every`-th push to any virtual handset is lost; 0 loses none.
    """

    slug: str | None = None
    count: int = 0
    latency_ms: int = 0
    drop_every: int = 0


async def insert_missing(tx: Tx, handset: VirtualHandset) -> None:
    """Writes a handset unless its number has a row already."""
    await tx.execute(
        "INSERT INTO virtual_handset (phone_number, os, app_version, online, registered, script, token, push_token)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        *_values(handset),
    )


async def put(tx: Tx, handset: VirtualHandset) -> None:
    """Writes a handset, whatever its row was before."""
    await tx.execute(
        "INSERT INTO virtual_handset (phone_number, os, app_version, online, registered, script, token, push_token)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (phone_number) DO UPDATE SET"
        " os = $2, app_version = $3, online = $4, registered = $5, script = $6, token = $7, push_token = $8",
        *_values(handset),
    )


async def delete(tx: Tx, phone: PhoneNumber) -> None:
    """Removes a handset."""
    await tx.execute("DELETE FROM virtual_handset WHERE phone_number = $1", phone)


async def select_all(tx: Tx) -> list[VirtualHandset]:
    """Every handset by number."""
    return [_handset(row) for row in await tx.fetch("SELECT * FROM virtual_handset ORDER BY phone_number")]


async def put_faults(tx: Tx, faults: Faults) -> None:
    """Replaces the faults that are set."""
    await tx.execute(
        "UPDATE emulator_state SET fault_slug = $1, faults_left = $2, latency_ms = $3, drop_every = $4",
        faults.slug,
        faults.count,
        faults.latency_ms,
        faults.drop_every,
    )


async def select_faults(tx: Tx) -> Faults:
    """The faults that are left."""
    row = await fetch_one(tx, "SELECT fault_slug, faults_left, latency_ms, drop_every FROM emulator_state")
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


def _values(handset: VirtualHandset) -> tuple[object, ...]:
    return (
        handset.phone_number,
        handset.os.value,
        handset.app_version,
        handset.online,
        handset.registered,
        msgspec.json.encode(handset.script).decode(),
        handset.token,
        handset.push_token,
    )


def _handset(row: Row) -> VirtualHandset:
    return VirtualHandset(
        phone_number=PhoneNumber(row["phone_number"]),
        os=OS(row["os"]),
        app_version=row["app_version"],
        online=row["online"],
        registered=row["registered"],
        script=msgspec.json.decode(row["script"], type=Script),
        token=row["token"],
        push_token=row["push_token"],
    )
