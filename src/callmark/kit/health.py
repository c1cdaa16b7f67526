"""Whether this process can do its work: what `/readyz` answers, on the admin port and on the public one.

Nothing is believed that can be tried: PostgreSQL is written to, NATS is asked for an answer, each loop that does the
work says when it turned last.

What is wrong does not concern every role: without NATS the API still takes batches, while handsets and real-time
pushes have to wait. So each role has an answer of its own, for the load balancer in front of it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import msgspec

from callmark.kit import patience
from callmark.kit.clock import Clock
from callmark.kit.clock_watch import trouble_of
from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.installation import held_since, told_held
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.migrate import needed, schema_number
from callmark.kit.roles import DATABASE, ROLES

_NEEDED = needed()

ANSWER_WITHIN_S = 2.0
"""How long an engine has to answer."""

LATE_AFTER_S = 5.0
"""A loop that does work turns at least once a second."""

_WRITE = "SELECT pg_logical_emit_message(true, 'callmark.ready', ''), count(*) FROM generate_series(1, 4000)"
"""Writes to the log of transactions, and (with little memory) a temporary file: both need room on the disk."""


class Check(msgspec.Struct, frozen=True):
    """One thing that must be right; `reason` says what is wrong, or, of what is right, what is still worth knowing."""

    name: str
    ok: bool
    reason: str = ""


_NEEDS = {name: role.needs for name, role in ROLES.items()} | {"real_time": DATABASE | {"nats"}}
"""What a role cannot do without, beside the parts of its own process; real-time pushes are a role within the API's."""

_STOPPING = "stopping"


class Health:
    """What a process knows of its parts, and of those that run beside it."""

    roles: frozenset[str] = frozenset()
    """What this process does, where that is known."""
    is_stopping = False
    """It still serves, but nobody should send it anything new."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._turned_at: dict[str, float] = {}
        self._asked: dict[str, Callable[[], str]] = {}
        self._concerned: dict[str, str] = {}
        self.beside: Callable[[], Mapping[str, str]] = dict
        """What is wrong with the parts that the same `callmark serve` runs, by their names."""
        self.restarts: Callable[[], Mapping[str, int]] = dict
        """How often each of those parts was started again."""
        self.process_id: UUID | None = None
        """By which the installation's list of processes knows this one, once it is in it."""
        self.clock_ahead: Callable[[], timedelta] = timedelta
        """How far this machine's clock is ahead of the database's, as a process of an installation finds it."""
        self.is_set_back: Callable[[], bool] = lambda: False
        """Whether the database's clock was set back so short a time ago that leases are not renewed yet."""

    @property
    def asked_for(self) -> frozenset[str]:
        """The roles whose readiness can be asked for."""
        return self.roles | {"real_time"} if "api" in self.roles else self.roles

    def turned(self, part: str) -> None:
        """A loop called `part` has turned; it is late if it does not turn again in time."""
        self._turned_at[part] = self._now()

    def ask(self, part: str, trouble: Callable[[], str], *, role: str | None = None) -> None:
        """Registers `trouble`, which says what is wrong with `part`; empty when nothing is.

        With `role` the other roles of this process do not need the part.
        """
        self._asked[part] = trouble
        if role:
            self._concerned[part] = role

    def database_now(self, real: Clock) -> datetime:
        """The present by the database's clock: by it run what several processes must agree on, such as leases."""
        return real.now() - self.clock_ahead()

    def clock_trouble(self) -> str:
        """Why nothing is to be done by this machine's clock that cannot be undone; empty while it can be trusted."""
        return trouble_of(self.clock_ahead())

    def is_needed_by(self, role: str, part: str) -> bool:
        """Whether a part of this process that does not work stops that role."""
        return self._concerned.get(part, role) == role

    def parts(self) -> list[Check]:
        """The parts of this process."""
        now = self._now()
        late = [_check(part, _late(now - at)) for part, at in self._turned_at.items()]
        if self.is_stopping:
            late.append(_check(_STOPPING, "this process is about to end"))
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


async def readyz(
    db: Database, fabric: Fabric, health: Health, *, beside: bool = False, role: str | None = None
) -> tuple[int, bytes]:
    """Status (200 or 503) and JSON body `{"ready", "roles", "checks"}`, both lists of `Check`, of `/readyz`.

    Ready are all roles of this process, or only the `role` that is asked for, which then depends on nothing beside.
    """
    checks = await readiness(db, fabric, health, beside=beside and role is None)
    roles = _of_roles(health, checks)
    if role:
        ready = any(one.ok for one in roles if one.name == role)
    elif roles:
        mine = {"nats", *DATABASE}
        ready = all(one.ok for one in roles if one.name in health.roles) and all(
            check.ok for check in checks if check.name not in mine
        )
    else:
        ready = all(check.ok for check in checks)
    return (200 if ready else 503), msgspec.json.encode({"ready": ready, "roles": roles, "checks": checks})


def _of_roles(health: Health, checks: Sequence[Check]) -> list[Check]:
    """How each role of this process stands, by what it needs."""
    parts = {part.name for part in health.parts()}
    wrong = [check.name for check in checks if not check.ok]
    missing = {
        role: [name for name in wrong if name in _NEEDS[role] or (name in parts and health.is_needed_by(role, name))]
        for role in health.asked_for
    }
    return [_check(role, f"needs {', '.join(names)}" if names else "") for role, names in sorted(missing.items())]


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
    reason = "" if ok else f"at {number}, needs {_NEEDED}: run `callmark migrate --phase pre`"
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
