"""Finds the addresses of an installation's engines, and words the error when one refuses us.

Apart from `compose`, because a supervisor needs nothing else of it: what it does not import, it starts without.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from callmark.kit.disk_room import says_full
from callmark.kit.engines.data_directory import read_installation
from callmark.kit.errors import EngineRefuses, SetupError, Unavailable
from callmark.kit.settings import Secret, Settings
from callmark.kit.settings.addresses import REACHED, http_url

_T = TypeVar("_T")

ENGINE_WAIT = timedelta(seconds=30)
"""How long a starting process waits for an engine that is not up yet."""


def reach(settings: Settings, *, prefer_data: bool = False) -> Settings:
    """`settings` with the engines (address, ways out) of the installation that runs on the data directory filled in.

    Engines that are set stay, unless `prefer_data`. Raises SetupError when an engine is missing and nothing runs there.
    """
    if settings.postgres_dsn and settings.nats_url and not prefer_data:
        return settings
    there = read_installation(settings.data)
    return msgspec.structs.replace(
        settings,
        postgres_dsn=Secret(there.postgres_dsn),
        nats_url=Secret(there.nats_url),
        nats_credentials=_path(there.nats_credentials),
        nats_ca=_path(there.nats_ca),
        nats_certificate=_path(there.nats_certificate),
        nats_key=_path(there.nats_key),
        public_url=settings.public_url or there.base_url,
        emulator=settings.emulator or there.emulator,
        outgoing_networks=settings.outgoing_networks or there.outgoing_networks,
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def public_url(settings: Settings) -> str:
    """Where clients reach the installation: as set, else by host and port.

    Port 0 that no one took is that of a start without HTTP roles: the others that have them are thought to be where
    they are by default.
    """
    if settings.public_url:
        return settings.public_url
    host = "localhost" if settings.host in REACHED else settings.host
    return http_url(host, settings.port or Settings().port)


async def once_reachable(work: Callable[[], Awaitable[_T]], wait: timedelta = ENGINE_WAIT) -> _T:
    """What `work` gives, begun again while PostgreSQL cannot be reached, for `wait`. Raises SetupError.

    One whose disk is full is not waited for: someone must make room.
    """
    deadline = asyncio.get_running_loop().time() + wait.total_seconds()
    while True:
        try:
            return await work()
        except EngineRefuses as exc:
            reason = exc.reason.removeprefix("postgresql: ")
            raise SetupError(f"PostgreSQL refuses the connection: {reason}. {exc.advice}") from exc
        except Unavailable as exc:
            reason = exc.reason.removeprefix("postgresql: ")
            if says_full(reason):
                raise SetupError(f"the disk of PostgreSQL has no room: {reason}. Free some space there.") from exc
            if asyncio.get_running_loop().time() >= deadline:
                raise SetupError(
                    f"PostgreSQL cannot be reached: {reason}. Start it, or correct"
                    " CALLMARK_POSTGRES_DSN. If `callmark serve` runs it, it starts again without you; its log is"
                    " logs/postgresql.log in the data directory."
                ) from exc
            await asyncio.sleep(0.2)
