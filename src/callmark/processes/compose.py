"""Builds `Deps` from settings: for the processes of an installation, and for operator commands that reach one."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from callmark.domain.deps import Deps
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.clock_watch import OneOrder
from callmark.kit.errors import SetupError
from callmark.kit.fabric.client import Fabric
from callmark.kit.fabric.servers import NatsAccess
from callmark.kit.health import Health
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.postgres.database import ACQUIRE_TIMEOUT_S, Database
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.migrate import check_schema
from callmark.kit.postgres.primary import Primary
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.kit.secret_key import FILE as KEY_FILE, known_keys, lock_key, make_key, mark, set_key
from callmark.kit.settings import Settings, read_settings
from callmark.processes.connections import gathered_of
from callmark.processes.reach import ENGINE_WAIT, once_reachable, public_url, reach

log = structlog.get_logger(__name__)

_OPERATOR_WAIT = timedelta(seconds=2)
_OPERATOR_CONNECTED_WITHIN_S = 10.0
"""A request is refused sooner, because others wait behind it."""


@asynccontextmanager
async def open_deps(
    settings: Settings,
    kind: str,
    *,
    wait: timedelta = ENGINE_WAIT,
    connected_within_s: float = ACQUIRE_TIMEOUT_S,
    health: Health | None = None,
    with_key: bool = True,
) -> AsyncGenerator[Deps]:
    """Pool, fabric, clocks and the heartbeat of a process of `kind`, all closed at the end of the block.

    Both engines must be named by `settings`. Raises SetupError when PostgreSQL does not answer within `wait` or its
    schema is not this code's; NATS may come later (`/readyz` says so until then). Each connection to PostgreSQL is
    given up after `connected_within_s`. `with_key` is False for what replaces the secret key, and so neither needs the
    present one nor refuses another.
    """
    if settings.postgres_dsn is None or settings.nats_url is None:
        raise SetupError("this process needs the addresses of both engines: CALLMARK_POSTGRES_DSN, CALLMARK_NATS_URL")
    real = SystemClock()
    clock = ProductClock(real)
    async with AsyncExitStack() as stack:
        name, size = f"callmark {kind}", settings.pool_size
        primary = Primary(settings.reached_postgres, settings.read_postgres_again)
        db, gathered = await _open_connections(stack, primary, name, size, connected_within_s)
        installation = await once_reachable(partial(_installation, db), wait)
        keyed = await _with_secret_key(db, settings) if with_key else settings
        fabric = Fabric(
            settings.nats_url.reveal(), installation, access=NatsAccess.of(settings), name=f"callmark {kind}"
        )
        stack.push_async_callback(fabric.close)  # before it is opened: who is cancelled meanwhile closes it too
        await fabric.open()
        live = LiveProcess(kind, db, fabric, clock, real)
        stack.push_async_callback(live.stop)  # before the start, which may fail once the row is written
        await live.start()
        health = health or Health()
        health.process_id = live.id
        health.clock_ahead, health.is_set_back = live.clock_watch.ahead, live.clock_watch.is_set_back
        gather, order = StatementBatcher(gathered), OneOrder(live.clock_watch.correction)
        yield Deps(keyed, db, fabric, gather, clock, real, public_url(settings), health, order=order)


async def _open_connections(
    stack: AsyncExitStack, primary: Primary, name: str, size: int, within_s: float
) -> tuple[Database, KeptConnections]:
    """The pool, and the connections of the statements that are gathered; both follow the same primary."""
    dsn = primary.dsn
    db = await Database.open(dsn, size=size, name=name, primary=primary, connected_within_s=within_s)
    stack.push_async_callback(db.close)
    few = gathered_of(size)
    gathered = KeptConnections(dsn, size=few, name=f"{name} gathered", primary=primary, connected_within_s=within_s)
    stack.push_async_callback(gathered.close)
    return db, gathered


@asynccontextmanager
async def open_operator_deps(data: Path | None = None, *, with_key: bool = True) -> AsyncGenerator[Deps]:
    """`Deps` of a running installation for one operator command.

    The engines of `CALLMARK_POSTGRES_DSN` and `CALLMARK_NATS_URL` where they are set and no `data` is given, else those
    of the installation running on the data directory. Raises SetupError when there is none. Refused connections are
    tried for two seconds; a server under load may take longer for one that it accepts. For `with_key` see `open_deps`.
    """
    settings = reach(read_settings(data=data), prefer_data=data is not None)
    async with open_deps(
        settings,
        "operator",
        wait=_OPERATOR_WAIT,
        connected_within_s=_OPERATOR_CONNECTED_WITHIN_S,
        with_key=with_key,
    ) as deps:
        yield deps


async def _with_secret_key(db: Database, settings: Settings) -> Settings:
    """`settings` with the installation's secret key: as set, else the one in the data directory, made by the first.

    A process that joins an installation without its key still runs; only what needs the key is refused.
    Raises SetupError for another key than the one that this installation's secrets were stored with.
    """
    async with db.transaction() as tx:
        marked = await lock_key(tx)
        keys = known_keys(settings)
        if marked is None:
            key = settings.secret_key or make_key(settings.data)  # the old one is on its way out
            await set_key(tx, key, None)
        elif (fitting := next((one for one in keys if mark(one) == marked), None)) is not None:
            key = fitting
        elif keys:
            raise SetupError(
                "the secrets of this installation are encrypted with a different key from the one here"
                f" (CALLMARK_SECRET_KEY, or else {settings.data / KEY_FILE}); every host needs the same key. If the key"
                " is lost, take the other one away, start again without a key, and run `callmark secret-key reset`"
            )
        else:
            log.warning(
                "secret_key_missing",
                advice="set CALLMARK_SECRET_KEY to the installation's; if it is lost: callmark secret-key reset",
            )
            return settings
    if settings.secret_key and key.reveal() != settings.secret_key.reveal():  # it is about to take its place
        return settings
    return msgspec.structs.replace(settings, secret_key=key)


async def _installation(db: Database) -> UUID:
    async with db.connection() as tx:
        await check_schema(tx)
        return await tx.fetchval("SELECT id FROM installation")
