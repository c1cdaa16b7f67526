"""Which of several PostgreSQL servers takes writes, and connections to it.

A DSN with several hosts names a primary and its standbys. Every connection of a process goes to the server that takes
writes; of two that do, to the one that was promoted last. When that changes, every older connection is cut: one to a
server that was demoted, or does not respond, would keep failing or show what is no longer true.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, LiteralString, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode
from weakref import WeakSet

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

from callmark.kit.errors import said
from callmark.kit.postgres.dsn import Host, PostgresDsn
from callmark.kit.postgres.known_types import PostgresConnection
from callmark.kit.postgres.places import Places
from callmark.kit.tasks import failure_of

log = structlog.get_logger(__name__)

LOST = (
    OSError,  # a time-out is one too
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,  # not within the `lock_timeout` that the transaction set itself
    asyncpg.InternalClientError,  # an engine that crashed spoke out of turn; the connection is of no more use
)
"""What asyncpg raises when the engine is away, going down, crashed, not yet up, full, demoted or too busy."""

CONNECT_WITHIN_S = 1.2
"""How long a known primary has for a new connection before the others are asked: less than a pool waits in all."""

ANSWER_WITHIN_S = 2.0
OTHERS_WITHIN_S = 0.3
"""How long the others have to answer once one has said that it takes writes."""

LOOK_AGAIN_S = 1.0

_STANDING = (
    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS is_read_only,"
    " CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_insert_lsn()) END AS file"
)
"""The name of a file of the log begins with its timeline, which each promotion raises."""

_SYSTEM: LiteralString = "SELECT system_identifier FROM pg_control_system()"
"""What a primary and its standbys have in common; a cluster that was made otherwise, by pg_upgrade too, has its own."""


class _Standing(NamedTuple):
    """A server that takes writes; `system` is None where it does not say."""

    host: Host
    system: int | None
    timeline: int


class _Lineage:
    """Which server was the primary last. Timelines are compared within one system: another begins with 1 again."""

    def __init__(self) -> None:
        self._system: int | None = None
        self._timeline = 0
        self._left: set[int] = set()

    def is_of_it(self, one: _Standing) -> bool:
        """Whether it is of the system of the last primary, as far as both say."""
        return one.system is None or self._system is None or one.system == self._system

    def was_before(self, one: _Standing) -> bool:
        """Whether the last primary has replaced it."""
        return one.timeline < self._timeline if self.is_of_it(one) else one.system in self._left

    def take(self, one: _Standing) -> None:
        """It is the primary now."""
        if self._system is not None and not self.is_of_it(one):
            self._left.add(self._system)
        self._system = one.system or self._system
        self._timeline = one.timeline


class Primary:
    """Makes connections to the server of `dsn` that takes writes, and notices when that is another."""

    def __init__(self, dsn: str, read_again: Callable[[], str] | None = None) -> None:
        self.dsn = dsn
        """What connections are made with; user and password may become others."""
        self._read_again = read_again
        self._known: Host | None = None
        self._lineage = _Lineage()
        self._made: WeakSet[PostgresConnection] = WeakSet()
        self._places: WeakSet[Places] = WeakSet()
        self._looking: asyncio.Task[Host] | None = None
        self._looked_at = -math.inf

    async def connect(self, dsn: str | None = None, *, timeout: float = 10.0, **options: Any) -> PostgresConnection:
        """A connection to the primary, as `asyncpg.connect` makes it. Raises what that raises.

        asyncpg's own choice among hosts waits for the first until the time is up when that does not respond.
        """
        hosts, used = hosts_of(dsn or self.dsn), self.dsn
        try:
            made = await self._make(hosts, timeout, options)
        except asyncpg.InvalidAuthorizationSpecificationError:
            if not self._has_other_password(used):
                raise
            made = await self._make(hosts, timeout, options)
        self._made.add(made)
        return made

    def places(self, most: int) -> Places:
        """Those of a pool of such connections."""
        places = Places(most)
        self._places.add(places)
        return places

    async def dsn_of_server(self) -> str:
        """The DSN with the primary as its only host, for programs that choose among several in another way.

        libpq takes the first host that accepts a connection, also a standby. Raises what `connect` raises.
        """
        hosts = hosts_of(self.dsn)
        if len(hosts) <= 1:
            return self.dsn
        return with_host(self.dsn, await self._look_beside(hosts))

    def failed(self, cause: BaseException | None) -> None:
        """A connection failed so: perhaps another server takes writes now, which is found out beside."""
        if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
            self._cut_all()
        hosts = hosts_of(self.dsn)
        if len(hosts) > 1 and asyncio.get_running_loop().time() - self._looked_at > LOOK_AGAIN_S:
            self._look_beside(hosts).add_done_callback(_noticed)

    def _has_other_password(self, refused: str) -> bool:
        """Whether the file of the DSN has another user or password by now, which is used from now on.

        Another server or database is not: other connections of this process would still be to the one before.
        """
        if self._read_again and self.dsn == refused:
            found = self._read_again()
            if found != refused and _without_user(found) == _without_user(refused):
                self.dsn = found
                log.info("postgresql_password_read_again")
        return self.dsn != refused

    async def _make(self, hosts: Sequence[Host], timeout: float, options: dict[str, Any]) -> PostgresConnection:
        if len(hosts) > 1:
            return await self._to_primary(hosts, timeout, options)
        # one address, or what the environment names: asyncpg knows
        return await _connect(self.dsn, timeout=timeout, target_session_attrs=SessionAttribute.read_write, **options)

    async def _to_primary(self, hosts: Sequence[Host], timeout: float, options: dict[str, Any]) -> PostgresConnection:
        if known := self._known:
            try:
                made = await self._to(known, min(timeout, CONNECT_WITHIN_S), options)
            except LOST as exc:
                log.debug("postgresql_connect_failed", server=str(known), error=said(exc))
            else:
                if known == self._known:
                    return made
                made.terminate()  # another was found meanwhile
        return await self._to(await asyncio.shield(self._look_beside(hosts)), timeout, options)

    async def _to(self, host: Host, timeout: float, options: dict[str, Any]) -> PostgresConnection:
        return await _connect(
            _without_hosts(self.dsn),
            host=host.name,
            port=host.port,
            timeout=timeout,
            target_session_attrs=SessionAttribute.read_write,
            **options,
        )

    def _look_beside(self, hosts: Sequence[Host]) -> "asyncio.Task[Host]":
        """The one look that is under way, or begins now."""
        if self._looking is None or self._looking.done():
            self._looked_at = asyncio.get_running_loop().time()
            self._looking = asyncio.create_task(self._look(hosts))
            self._looking.add_done_callback(failure_of)  # those who wait for it may be cancelled before its end
        return self._looking

    async def _look(self, hosts: Sequence[Host]) -> Host:
        """Asks every host at once. Raises ConnectionError, or what all of them refuse us with."""
        used = self.dsn
        found, faults = await _ask_all(used, hosts)
        is_refused = any(isinstance(fault, asyncpg.InvalidAuthorizationSpecificationError) for fault in faults.values())
        if not found and is_refused and self._has_other_password(used):
            found, faults = await _ask_all(self.dsn, hosts)
        before = {one for one in found if self._lineage.was_before(one)}
        best = max((one for one in found if one not in before), key=self._fitness, default=None)
        if best is None:
            faults |= {one.host: ConnectionError("was replaced by a server that is away now") for one in before}
            if all(not isinstance(fault, LOST) for fault in faults.values()):
                raise next(iter(faults.values()))
            text = "; ".join(f"{host}: {said(fault)}" for host, fault in faults.items())
            raise ConnectionError(f"no server takes writes ({text})")
        self._lineage.take(best)
        if best.host != self._known:
            self._cut_all()
            log.info("postgresql_primary", server=str(best.host), before=str(self._known or ""))
        self._known = best.host
        return best.host

    def _fitness(self, one: _Standing) -> tuple[bool, int, bool]:
        """Of two that take writes, the better one has more of it."""
        return self._lineage.is_of_it(one), one.timeline, one.host == self._known

    def _cut_all(self) -> None:
        for made in list(self._made):
            made.terminate()
        for places in self._places:
            places.let_go()


async def _ask_all(dsn: str, hosts: Sequence[Host]) -> tuple[list[_Standing], dict[Host, Exception]]:
    """The servers that take writes, and what is wrong with the others."""
    found: list[_Standing] = []
    faults: dict[Host, Exception] = {host: TimeoutError() for host in hosts}

    async def ask(host: Host) -> None:
        try:
            found.append(await _standing(dsn, host))
        except Exception as exc:  # noqa: BLE001 - whatever it is, is what is wrong with this one
            faults[host] = exc

    asked = {asyncio.create_task(ask(host)) for host in hosts}
    try:
        while asked and not found:
            _, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        if asked:
            await asyncio.wait(asked, timeout=OTHERS_WITHIN_S)
    finally:
        for one in asked:
            one.cancel()
    return found, {host: fault for host, fault in faults.items() if host not in {one.host for one in found}}


async def _standing(dsn: str, host: Host) -> _Standing:
    """How that server stands. Raises ReadOnlySQLTransactionError for one that takes no writes."""
    async with asyncio.timeout(ANSWER_WITHIN_S):
        asked = await asyncpg.connect(
            _without_hosts(dsn),
            host=host.name,
            port=host.port,
            timeout=ANSWER_WITHIN_S,
            target_session_attrs=SessionAttribute.any,
        )
        try:
            row = await asked.fetchrow(_STANDING)
            system = await _system_of(asked)
        finally:
            asked.terminate()
    if row is None or row["is_read_only"]:
        raise asyncpg.ReadOnlySQLTransactionError("takes no writes")
    return _Standing(host, system, int(row["file"][:8], 16))


async def _system_of(asked: "asyncpg.Connection[Any]") -> int | None:
    try:
        return await asked.fetchval(_SYSTEM)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError):  # a service may keep it to itself
        return None


async def _connect(dsn: str, **options: Any) -> PostgresConnection:
    connect: Any = asyncpg.connect
    return await connect(dsn, **{"connection_class": PostgresConnection} | options)


def hosts_of(dsn: str) -> list[Host]:
    """The servers that a DSN names; empty for one that names none. Raises ClientConfigurationError."""
    try:
        return PostgresDsn.parse(dsn).each_host()
    except ValueError as exc:
        raise asyncpg.ClientConfigurationError(str(exc)) from exc


def with_host(dsn: str, host: Host) -> str:
    """The DSN with that host as its only one."""
    parts = PostgresDsn.parse(dsn)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"host", "port"}]
    if host.name.startswith("/"):
        where, query = "", [*query, ("host", host.name), ("port", str(host.port))]
    else:
        where = f"[{host.name}]:{host.port}" if ":" in host.name else str(host)
    # libpq takes no "+" for a space
    return str(parts._replace(hosts=where, query=urlencode(query, quote_via=quote)))


def _without_user(dsn: str) -> str:
    """All that a DSN says but who connects; empty for one that cannot be read."""
    try:
        parts = PostgresDsn.parse(dsn)
    except ValueError:
        return ""
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"user", "password"}]
    return str(parts._replace(user="", query=urlencode(kept)))


def _without_hosts(dsn: str) -> str:
    """What asyncpg reads; of several hosts, one of IPv6 would be an error to it."""
    return str(PostgresDsn.parse(dsn)._replace(hosts=""))


def _noticed(look: "asyncio.Task[Host]") -> None:
    if exc := failure_of(look):
        log.warning("postgresql_no_primary", error=said(exc))
