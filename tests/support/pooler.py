"""A pooler before PostgreSQL, as PgBouncer in session mode is at the start of a connection."""

import asyncio
import shutil
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.engines import reachable_directory
from tests.support.way_to_postgres import pass_on

from callmark.kit.engines.data_directory import PORT, SOCKET_NAME
from callmark.kit.postgres.dsn import Host
from callmark.kit.postgres.primary import hosts_of, with_host

_KNOWN = {"", "user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"}
"""What PgBouncer takes with a start, besides the name of the program."""


@asynccontextmanager
async def pooled(dsn: str) -> AsyncGenerator[str]:
    """Where PostgreSQL is reached through one."""
    directory = reachable_directory()
    server = Path(hosts_of(dsn)[0].name) / SOCKET_NAME

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = await reader.readexactly(4)
        start = await reader.readexactly(struct.unpack("!I", size)[0] - 4)
        if unknown := {name.lower() for name in start[4:].decode().split("\0")[::2]} - _KNOWN - {"application_name"}:
            writer.write(_refusal(f"unsupported startup parameter: {min(unknown)}"))
            writer.close()
            return
        from_there, to_there = await asyncio.open_unix_connection(server)
        to_there.write(size + start)
        await asyncio.gather(pass_on(reader, to_there), pass_on(from_there, writer))

    try:
        async with await asyncio.start_unix_server(relay, directory / SOCKET_NAME):
            yield with_host(dsn, Host(str(directory), PORT))
    finally:
        shutil.rmtree(directory)


def _refusal(text: str) -> bytes:
    fields = f"SFATAL\0VFATAL\0C08P01\0M{text}\0\0".encode()
    return b"E" + struct.pack("!I", len(fields) + 4) + fields
