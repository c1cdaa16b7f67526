"""Runs the programs of examples/ as their READMEs do, in processes of their own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}


_IN_TURN = """
import importlib, json, os, runpy, sys
for module in sys.argv[2].split():
    importlib.import_module(module)
for number, argv in enumerate(json.loads(sys.argv[1])):
    if not os.fork():
        for stream in (1, 2):
            os.dup2(os.open(f"{sys.argv[3]}/{number}.{stream}", os.O_CREAT | os.O_WRONLY), stream)
        sys.argv, sys.path[0] = argv, os.path.dirname(os.path.abspath(argv[0]))
        runpy.run_path(argv[0], run_name="__main__")
        sys.exit()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


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


async def run_in_turn(
    *programs: Sequence[object], imported: str, cwd: Path = EXAMPLES, environ: Mapping[str, str]
) -> list[Ran]:
    """Runs Python programs one after the other, for what they say: each in a fork of one that has `imported` modules.

    What it takes to start one as a README does, `run` shows.
    """
    words = json.dumps([[str(word) for word in argv] for argv in programs])
    with TemporaryDirectory() as kept:
        all_of_them = await run("-c", _IN_TURN, words, imported, kept, cwd=cwd, environ=environ)
        assert all_of_them.status == 0, all_of_them.err
        return [_ran(int(status), kept, at) for at, status in enumerate(all_of_them.out.split())]


def _ran(status: int, kept: str, at: int) -> Ran:
    return Ran(status, *(Path(kept, f"{at}.{stream}").read_text() for stream in (1, 2)))


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
