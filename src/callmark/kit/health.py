"""Whether this process can do its work: what `/readyz` answers, on the admin port and on the public one."""

import msgspec

from callmark.kit.db import Database
from callmark.kit.errors import Unavailable
from callmark.kit.fabric import Fabric
from callmark.kit.migrate import needed, schema_number

_NEEDED = needed()


class Check(msgspec.Struct, frozen=True):
    """One thing that must be right; `reason` says what is wrong, empty when `ok`."""

    name: str
    ok: bool
    reason: str = ""


async def readiness(db: Database, fabric: Fabric) -> list[Check]:
    """PostgreSQL answers, its schema is as new as this code needs, NATS is connected."""
    lost = "" if fabric.connected else "not connected"
    return [*await _database(db), Check("nats", not lost, lost)]


async def readyz(db: Database, fabric: Fabric) -> tuple[int, bytes]:
    """Status (200 or 503) and JSON body `{"ready", "checks": [{"name", "ok", "reason"}]}` of `/readyz`."""
    checks = await readiness(db, fabric)
    ready = all(check.ok for check in checks)
    return (200 if ready else 503), msgspec.json.encode({"ready": ready, "checks": checks})


async def _database(db: Database) -> list[Check]:
    try:
        async with db.connection() as tx:
            number = await schema_number(tx)
    except Unavailable as exc:
        return [Check("postgresql", ok=False, reason=exc.reason), Check("schema", ok=False, reason="unknown")]
    ok = number >= _NEEDED  # a newer schema still fits: `post` steps run after the last old process has gone
    reason = "" if ok else f"at {number}, needs {_NEEDED}: run `callmark migrate`"
    return [Check("postgresql", ok=True), Check("schema", ok=ok, reason=reason)]
