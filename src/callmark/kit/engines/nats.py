"""Embedded NATS: `nats-server` as our direct child, on its own loopback port, behind a random credential."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from callmark.broken_json import NOT_JSON
from callmark.kit.disk_room import naming_full_disk
from callmark.kit.engines.binaries import ENVIRONMENT, find_nats, reachable_nats
from callmark.kit.engines.child import Child, ChildHolder, spawn
from callmark.kit.engines.data_directory import DataDirectory, write_private
from callmark.kit.engines.leftovers import nats_of, stop_leftovers
from callmark.kit.engines.logfile import open_log, tail
from callmark.kit.errors import SetupError
from callmark.kit.ids import random_text
from callmark.kit.ports import free_port

HOST = "127.0.0.1"
USER = "callmark"
MAX_CONNECTIONS = 65_536
MOST_CLOSED_REMEMBERED = 100
"""Of the connections that have ended. NATS's own 10,000 are some MB, and our look at it each second fills them."""
START_WITHIN_S = 15.0
_REACHED_BY = ("port", "server_name", "authorization")


class EmbeddedNats(ChildHolder):
    """A NATS server configured in `<data>/nats`; may be started again after `stop` or its death, on the same port."""

    name = "nats"

    def __init__(self, data: Path, *, program: Path | None = None) -> None:
        self._data = DataDirectory(data)
        self._config = self._data.nats / "nats.conf"
        self._program_setting = program
        self._in_force: dict[str, Any] = {}
        """The configuration of the server started last: processes that run have its address and password."""
        self.url = ""
        """Known once it has been started."""

    async def start(self) -> str:
        """Starts the server and gives its URL, credential included, once it answers.

        Leftovers of a killed supervisor on the same directory are stopped first. Raises SetupError.
        """
        self._data.prepare()
        program = reachable_nats(find_nats(self._program_setting), self._data.owner, self._data.programs)
        await stop_leftovers(self.name, lambda: nats_of(self._config), signal.SIGTERM)
        with naming_full_disk(self._data.path):
            config = self._configure()
        with open_log(self._data, self.name) as log_file:
            self._child = spawn(
                self.name,
                [program, "-c", self._data.named(self._data.nats) / self._config.name],
                env=ENVIRONMENT,
                owner=self._data.owner,
                output=log_file,
                cwd=self._data.nats,
            )
        self._in_force = config
        await self._until_it_answers(self._child, config)
        self.url = f"nats://{USER}:{config['authorization']['password']}@{HOST}:{config['port']}"
        return self.url

    async def stop(self, within_s: float = 2.0) -> None:
        """Asks it to end; after `within_s` it is killed. It holds nothing that could be lost."""
        if self._child:
            await self._child.stop(signal.SIGTERM, within_s)

    async def look(self) -> Mapping[str, str]:
        """It has no parts that can fail alone. Raises OSError when it does not greet: it has stopped responding."""
        if not await _greets(self._in_force["port"], self._in_force["server_name"]):
            raise OSError("NATS does not greet")
        return {}

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _configure(self) -> dict[str, Any]:
        """The configuration in force; made again if there is none, or if its port was taken before our first start.

        Nothing in it is needed by a later start: every process of the installation gets address and password at its
        own. So until we end, both stay as they are, whatever becomes of the file.
        """
        kept = config = _kept(self._config)
        if self._in_force:
            if any(kept.get(name) != self._in_force[name] for name in _REACHED_BY):
                config = self._in_force
        elif not kept or not _is_free(kept["port"]):
            config = {
                "host": HOST,
                "port": free_port(),
                "server_name": random_text(16, prefix="callmark-"),
                "authorization": {"user": USER, "password": random_text(32)},
                "max_connections": MAX_CONNECTIONS,
            }
        config = config | {"max_closed_clients": MOST_CLOSED_REMEMBERED}
        if config != kept:  # new, or of an earlier version
            write_private(self._config, msgspec.json.format(msgspec.json.encode(config)), self._data.owner)
        return config

    async def _until_it_answers(self, child: Child, config: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                while not await _answers(config["port"], config["server_name"]):
                    if not child.running:
                        raise SetupError(f"NATS did not start on {self._data.path}:\n{tail(self._data, self.name)}")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self.stop()
            raise SetupError(
                f"NATS did not answer within {START_WITHIN_S:.0f} s:\n{tail(self._data, self.name)}"
            ) from None


class _Authorization(msgspec.Struct):
    password: str


class _Needed(msgspec.Struct):
    """What we read of a configuration."""

    port: int
    server_name: str
    authorization: _Authorization


def _kept(path: Path) -> dict[str, Any]:
    """The configuration of an earlier start; empty when there is none, or it is cut."""
    try:
        content = path.read_bytes()
        msgspec.json.decode(content, type=_Needed)
        return msgspec.json.decode(content)  # NATS reads JSON too
    except (FileNotFoundError, *NOT_JSON):
        return {}


async def _answers(port: int, server_name: str) -> bool:
    """Whether it greets, for one that has just been started."""
    try:
        return await _greets(port, server_name)
    except (OSError, ValueError):
        return False


async def _greets(port: int, server_name: str) -> bool:
    """Whether our server (not one that took the port) greets on it. Raises OSError, ValueError."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        return server_name.encode() in await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
