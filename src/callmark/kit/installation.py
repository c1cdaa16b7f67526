"""Which installation a database belongs to: whether it is a copy of another one's, and whether it may send anything.

A copy has the original's webhooks, mails and id, by which NATS finds handsets. So a database remembers the place where
it first ran, and a copy of it does not start until someone has said what it is (docs/copies.md).
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import asyncpg

from callmark.instants import iso_ms
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.settings import Settings

NOT_HELD: LiteralString = "NOT EXISTS (SELECT FROM installation WHERE held_at IS NOT NULL)"
"""The condition of every claim of work that leaves this machine. It reads one row, once a statement."""

KEEP: LiteralString = "UPDATE installation SET place = NULL; DELETE FROM process"
"""For a restore: the same installation, in a place that its next start finds out."""
RENEW: LiteralString = (
    "UPDATE installation SET id = gen_random_uuid(), held_at = clock_timestamp(), place = NULL; DELETE FROM process"
)
"""For a restore: another installation, which sends nothing until it is released. NATS knows it by its new id."""

_MACHINE = Path("/etc/machine-id")


async def held_since(tx: Tx) -> datetime | None:
    """Since when nothing is sent, by the real clock; None when everything is."""
    return await tx.fetchval("SELECT held_at FROM installation")


async def why_mails_wait(tx: Tx, settings: Settings) -> str:
    """Why no email leaves this installation, in words; empty where they are sent, or shown instead."""
    if settings.catches_mails:
        return ""
    if not settings.mails_leave:
        return "no mail server is set"
    return "this installation is a copy, which sends nothing" if await held_since(tx) else ""


def told_held(since: datetime) -> str:
    """What operators read about that."""
    return (
        f"nothing is sent since {iso_ms(since)}, no webhook and no email: this is a copy."
        " `callmark installation release` ends that"
    )


async def database_place(tx: Tx) -> str:
    """Which database of which PostgreSQL this is; empty where the server does not say.

    A standby has its primary's, so a promoted one is the same place; what a dump was restored to is another. Not for
    use in a transaction: a server may refuse to answer.
    """
    try:
        return await tx.fetchval(
            "SELECT 'database ' || d.oid || ' of PostgreSQL ' || s.system_identifier"
            " FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()"
        )
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError):
        return ""


def machine_place(data: Path) -> str:
    """Which directory of which machine an embedded installation has its data in; a copy of it is somewhere else."""
    try:
        machine = _MACHINE.read_text().strip()
    except OSError:  # a container without one
        machine = ""
    on = f" on machine {hashlib.sha256(machine.encode()).hexdigest()[:12]}" if machine else ""
    return f"{data.resolve()}{on}"


async def place_of(tx: Tx, data: Path | None) -> str:
    """Where the database is now; `data` is the data directory of an embedded one."""
    found = [await database_place(tx), machine_place(data) if data else ""]
    return ", ".join(part for part in found if part)


async def _place_of_server(tx: Tx) -> str:
    """The machine place of an embedded database that another process has started here; empty if nobody may know."""
    try:
        directory = await tx.fetchval("SHOW data_directory")
    except asyncpg.InsufficientPrivilegeError:
        return ""
    return machine_place(Path(directory).parent)


async def check_place(tx: Tx, place: str) -> None:
    """Remembers the place of a database that is started for the first time.

    Raises SetupError when it is in another place than it was: then it is a copy, or was moved.
    """
    if not place:
        return
    await tx.execute("UPDATE installation SET place = $1 WHERE place IS NULL", place)
    recorded = await tx.fetchval("SELECT place FROM installation")
    if recorded != place and recorded != f"{place}, {await _place_of_server(tx)}":
        raise SetupError(
            f"this is a copy of another installation's database, or it was moved: it was in {recorded}, and is in"
            f" {place}. If the other one still runs or may run again, run `callmark installation renew`: the copy then"
            " reaches none of its handsets, webhooks and mailboxes. If this one takes its place, run"
            " `callmark installation keep`"
        )
