"""Whether this process can do its work: what `/readyz` answers, on the admin port and on the public one.

Nothing is believed that can be tried: PostgreSQL is written to, NATS is asked for an answer, each loop that does the
work says when it turned last.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from uuid import UUID

import msgspec

from callmark.kit import patience
from callmark.kit.db import Database
from callmark.kit.errors import Unavailable
from callmark.kit.fabric import Fabric
from callmark.kit.installation import held_since, told_held
from callmark.kit.migrate import needed, schema_number

_NEEDED = needed()

ANSWER_WITHIN_S = 2.0
"""How long an engine has to answer."""

LATE_AFTER_S = 5.0
"""A loop that does work turns at least once a second."""

_WRITE = "SELECT pg_logical_emit_message(true, 'callmark.ready', ''), count(*) FROM generate_series(1, 4000)"
"""Writes to the log of transactions, and (with little memory) a temporary file: both need room on the disk."""


class Check(msgspec.Struct, frozen=True):
    """One thing that must be right; `reason` says what is wrong, or of what is right, what to know all the same."""

    name: str
    ok: bool
    reason: str = ""


class Health:
    """What a process knows of its parts, and of those that run beside it."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._turned_at: dict[str, float] = {}
        self._asked: dict[str, Callable[[], str]] = {}
        self.beside: Callable[[], Mapping[str, str]] = dict
        """What is wrong with the parts that the same `callmark serve` runs, by their names."""
        self.restarts: Callable[[], Mapping[str, int]] = dict
        """How often each of those parts was started again."""
        self.process_id: UUID | None = None
        """By which the installation's list of processes knows this one, once it is in it."""

    def turned(self, part: str) -> None:
        """A loop called `part` has turned; it is late if it does not turn again in time."""
        self._turned_at[part] = self._now()

    def ask(self, part: str, trouble: Callable[[], str]) -> None:
        """From now on `trouble` says what is wrong with `part`, empty when nothing is."""
        self._asked[part] = trouble

    def parts(self) -> list[Check]:
        """The parts of this process."""
        now = self._now()
        late = [_check(part, _late(now - at)) for part, at in self._turned_at.items()]
        return late + [_check(part, trouble()) for part, trouble in self._asked.items()]

    def troubles(self) -> dict[str, str]:
        """What is wrong with parts of this process, by their names."""
        return {check.name: check.reason for check in self.parts() if not check.ok}


async def readiness(db: Database, fabric: Fabric, health: Health, *, beside: bool = False) -> list[Check]:
    """PostgreSQL takes a write, its schema is as new as this code needs, NATS answers, every part turns.

    With `beside` also what is wrong with other parts of the installation on this machine. Answers within three seconds.
    """
    database, nats = await asyncio.gather(_database(db), _nats(fabric))
    others = [Check(part, ok=False, reason=why) for part, why in health.beside().items()] if beside else []
    return [*database, nats, *health.parts(), *others]


async def readyz(db: Database, fabric: Fabric, health: Health, *, beside: bool = False) -> tuple[int, bytes]:
    """Status (200 or 503) and JSON body `{"ready", "checks": [{"name", "ok", "reason"}]}` of `/readyz`."""
    checks = await readiness(db, fabric, health, beside=beside)
    ready = all(check.ok for check in checks)
    return (200 if ready else 503), msgspec.json.encode({"ready": ready, "checks": checks})


async def _database(db: Database) -> list[Check]:
    try:
        with patience.of(total_s=ANSWER_WITHIN_S):
            async with db.transaction() as tx:
                number = await schema_number(tx)
                held_at = await held_since(tx) if number >= _NEEDED else None
                await tx.execute("SET LOCAL work_mem = '64kB'")
                await tx.execute(_WRITE)
    except Unavailable as exc:
        return [Check("postgresql", ok=False, reason=exc.reason), Check("schema", ok=False, reason="unknown")]
    ok = number >= _NEEDED  # a newer schema still fits: `post` steps run after the last old process has gone
    reason = "" if ok else f"at {number}, needs {_NEEDED}: run `callmark migrate`"
    held = [Check("outgoing", ok=True, reason=told_held(held_at))] if held_at else []
    return [Check("postgresql", ok=True), Check("schema", ok=ok, reason=reason), *held]


async def _nats(fabric: Fabric) -> Check:
    try:
        await fabric.round_trip(ANSWER_WITHIN_S)
    except Unavailable as exc:
        return _check("nats", exc.reason.removeprefix("nats: "))
    return Check("nats", ok=True)


def _check(name: str, trouble: str) -> Check:
    return Check(name, not trouble, trouble)


def _late(seconds: float) -> str:
    return f"has not run for {seconds:.0f} s" if seconds > LATE_AFTER_S else ""
