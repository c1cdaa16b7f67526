"""Runs the programs of examples/ as their READMEs do, in processes of their own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct
from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}


class Ran(Struct, frozen=True):
    """How a program ended."""

    status: int
    out: str
    err: str


async def run(*argv: object, cwd: Path = EXAMPLES, environ: Mapping[str, str]) -> Ran:
    """Runs a Python program or module to its end."""
    process = await _start(argv, cwd, environ, subprocess.PIPE)
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def serving(*argv: object, port: int, cwd: Path, environ: Mapping[str, str], log: Path) -> AsyncGenerator[None]:
    """A server on `port`, until the end of the block; what it prints goes to `log`."""
    with log.open("wb") as to:
        process = await _start(argv, cwd, environ, to.fileno())
    try:
        await until(lambda: _listens(process, port))
        _check_runs(process, log)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _check_runs(process: asyncio.subprocess.Process, log: Path) -> None:
    assert process.returncode is None, log.read_text()


async def _start(
    argv: tuple[object, ...], cwd: Path, environ: Mapping[str, str], to: int
) -> asyncio.subprocess.Process:
    words = [sys.executable, *map(str, argv)]
    return await asyncio.create_subprocess_exec(*words, cwd=cwd, env={**_ENVIRON, **environ}, stdout=to, stderr=to)


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    if process.returncode is not None:
        return True
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
