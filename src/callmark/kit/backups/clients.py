"""PostgreSQL's own programs, run on the database of a DSN: pg_dump, pg_restore, psql."""

import asyncio
import os
import re
import signal
import tempfile
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import FileIO
from typing import IO
from urllib.parse import parse_qsl, quote, unquote, urlencode

from msgspec import Struct

from callmark.kit.backups.archive import PIECE_BYTES
from callmark.kit.engines.binaries import ENVIRONMENT, PostgresBinaries
from callmark.kit.engines.child import Child, Pipes, spawn
from callmark.kit.errors import SetupError
from callmark.kit.postgres.dsn import PostgresDsn

_SAID_BYTES = 2000
_ENDS_WITHIN_S = 10.0
_POLITE = 10
"""Niceness of pg_dump, which compresses: pushes go first where processors are few."""
_OF_LIBPQ = re.compile(
    r"application_name|channel_binding|connect_timeout|dbname|gssencmode|host|hostaddr|krbsrvname|load_balance_hosts"
    r"|options|passfile|port|require_auth|ssl(?!negotiation)\w+|user"
)
"""Parameters of an address that these programs know; asyncpg takes others for settings of its sessions. They get
`sslnegotiation` as a variable: those before 17 refuse it in an address."""
_OF_ASYNCPG = re.compile(
    r"HOME|PG(HOST|PORT|USER|PASSWORD|DATABASE|PASSFILE|KRBSRVNAME|GSSLIB)"
    r"|PGSSL(MODE|NEGOTIATION|ROOTCERT|CRL|KEY|CERT|(MIN|MAX)PROTOCOLVERSION)"
)
"""Variables that asyncpg takes into account. Others would lead the programs to another server (`PGHOSTADDR`), keep them
from one that asyncpg reaches (`PGSERVICE`), or change what they write (`PGCLIENTENCODING`)."""
_READ_WRITE = {"PGTARGETSESSIONATTRS": "read-write"}
"""Of several servers that the environment names, the programs take one as asyncpg does here: never a standby."""


class PostgresServer(Struct, frozen=True):
    """A database, and programs that fit its server."""

    dsn: str
    major: int
    programs: PostgresBinaries


class Client:
    """A running program with its pipes; what it says of faults is read at its end."""

    def __init__(self, child: Child, errors: IO[bytes], output: StreamReader, reads: StreamWriter) -> None:
        self.output = output
        self._child = child
        self._errors = errors
        self._reads = reads

    def yield_to_others(self) -> None:
        """Lets programs that someone waits for go first."""
        # It has ended already, which `check` finds, or a service's rules leave priorities alone, which is no fault.
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, self._child.pid, _POLITE)

    async def write(self, piece: bytes) -> None:
        """Hands it `piece` once it has taken most of what came before. Raises SetupError when it has ended."""
        try:
            self._reads.write(piece)
            await self._reads.drain()
        except OSError:
            await self.check()
            raise SetupError(f"{self._child.name} ended too early: {self._said()}") from None

    def close(self) -> None:
        """Closes its input."""
        self._reads.close()

    async def read(self) -> bytes:
        """The next piece of what it writes; empty at the end."""
        return await self.output.read(PIECE_BYTES)

    async def check(self) -> None:
        """Waits for its end. Raises SetupError with its own message when it failed."""
        if (status := await self._child.wait()) != 0:
            raise SetupError(f"{self._child.name} failed (exit status {status}): {self._said()}")

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-_SAID_BYTES:]


@asynccontextmanager
async def running(
    server: PostgresServer, program: str, options: Sequence[str], *, connect: bool = True
) -> AsyncGenerator[Client]:
    """`program` on the server's database (`connect`), ended at the end of the block."""
    address, variables = _address(server.dsn)
    argv = [server.programs.bin_dir / program, *options, *([f"--dbname={address}"] if connect else [])]
    with tempfile.TemporaryFile() as errors:
        (its_input, our_end), (our_start, its_output) = _pipe(), _pipe()
        with our_end, our_start:
            with its_input, its_output:
                streams = Pipes(its_output, errors, its_input)
                child = spawn(program, argv, env={**ENVIRONMENT, **_inherited(), **variables}, output=streams)
            try:
                async with _reader(our_start) as reader, _writer(our_end) as writer:
                    yield Client(child, errors, reader, writer)
            finally:
                if child.running:
                    await child.stop(signal.SIGTERM, _ENDS_WITHIN_S)


async def dump(server: PostgresServer, namespace: str, snapshot: str) -> AsyncGenerator[bytes]:
    """What pg_dump writes of a schema's tables as `snapshot` shows them. Raises SetupError.

    Who does not read it to its end closes it, and pg_dump has ended then.
    It takes the weakest lock on each table: reading and writing continue, changes of the schema wait.
    """
    options = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--no-unlogged-table-data"]
    options += [f"--schema={namespace}", f"--exclude-table-data={namespace}.process"]
    options += [f"--snapshot={snapshot}", "--lock-wait-timeout=60s"]
    async with running(server, "pg_dump", options) as client:
        client.yield_to_others()
        client.close()
        while piece := await client.read():
            yield piece
        await client.check()


async def load(server: PostgresServer, namespace: str, dump_: Iterator[bytes], before: str, after: str) -> None:
    """Runs `before`, the dump and `after` in one session of psql. Raises SetupError at the first fault.

    What `before` begins and `after` commits is so one transaction: it is rolled back when any program of these, or
    this one, ends before the last line.
    """
    writes = ["--file=-", f"--schema={namespace}", "--no-owner", "--no-privileges", "--no-tablespaces"]
    reads = ["--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    async with (
        running(server, "psql", reads) as target,
        running(server, "pg_restore", writes, connect=False) as source,
    ):
        await target.write(before.encode())
        feeding = asyncio.create_task(_feed(source, dump_))
        try:
            await _hand_over(source, target, server.major)
            await feeding
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        await source.check()
        await target.write(after.encode())
        target.close()
        await target.check()


async def _feed(source: Client, dump_: Iterator[bytes]) -> None:
    for piece in dump_:
        await source.write(piece)
    source.close()


_NEWER_SETTING, _SINCE, _HEAD_LINES = b"SET transaction_timeout = 0;\n", 17, 30


async def _hand_over(source: Client, target: Client, major: int) -> None:
    """Newer programs begin with a setting that an older server does not have."""
    for _ in range(_HEAD_LINES):
        line = await source.output.readline()
        if line != _NEWER_SETTING or major >= _SINCE:
            await target.write(line)
    while piece := await source.read():
        await target.write(piece)


def _address(dsn: str) -> tuple[str, dict[str, str]]:
    """The DSN without its password, which everyone on the machine could read in a list of processes; and that."""
    parts = PostgresDsn.parse(dsn)
    name, _, password = parts.user.partition(":")
    query = parse_qsl(parts.query)
    password = unquote(password) or next((value for key, value in query if key == "password"), "")
    kept = [(key, value) for key, value in query if _OF_LIBPQ.fullmatch(key)]
    address = str(parts._replace(user=name, query=urlencode(kept, quote_via=quote)))
    variables = {"PGPASSWORD": password, "PGSSLNEGOTIATION": dict(query).get("sslnegotiation")}
    return address, _READ_WRITE | {variable: value for variable, value in variables.items() if value}


def _inherited() -> dict[str, str]:
    """What tells PostgreSQL's programs of passwords and certificates, as it tells asyncpg."""
    return {name: value for name, value in os.environ.items() if _OF_ASYNCPG.fullmatch(name)}


def _pipe() -> tuple[FileIO, FileIO]:
    read, write = os.pipe()
    return FileIO(read), FileIO(write, "w")


@asynccontextmanager
async def _reader(file: FileIO) -> AsyncGenerator[StreamReader]:
    reader = StreamReader(limit=PIECE_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: StreamReaderProtocol(reader), file)
    try:
        yield reader
    finally:
        transport.close()


@asynccontextmanager
async def _writer(file: FileIO) -> AsyncGenerator[StreamWriter]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(lambda: StreamReaderProtocol(StreamReader()), file)
    try:
        yield StreamWriter(transport, protocol, None, loop)
    finally:
        if transport.get_write_buffer_size() or not transport.is_closing():  # asyncio's pipes cannot be aborted twice
            transport.abort()
