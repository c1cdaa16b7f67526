"""The SQL of virtual_handset, whose only writer is the farm."""

import msgspec

from callmark.domain.handsets.model import OS
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx
from callmark.surfaces.emulator.handsets.model import Script, VirtualHandset


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
