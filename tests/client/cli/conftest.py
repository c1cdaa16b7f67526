"""The client commands against a running platform: in this process, or as programs of their own."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest
import structlog
from click.testing import CliRunner, Result
from msgspec import Struct
from tests.client.conftest import Platform
from tests.support.waiting import until

from callmark.main import cli
from callmark.processes.worker import run_worker

Typed = str | bytes | IO[bytes] | None
_READS = {"0", "63"}
"""The number of the system call `read`, on x86-64 and on ARM."""
PROGRAM = str(Path(sys.executable).with_name("callmark"))
KEY_OF_NOBODY = {
    "CALLMARK_BASE_URL": "http://127.0.0.1:1",
    **dict.fromkeys(
        ("CALLMARK_ACCOUNT_ID", "CALLMARK_KEY_ID", "CALLMARK_API_KEY"), "01a21857-44fb-7738-8f0f-990b3d2c6502"
    ),
}


@pytest.fixture(autouse=True)
def _logs_are_no_output() -> None:
    """What the server logs in this process stays out of what a command prints, whose thread replaces `sys.stdout`."""
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.stdout))


class Commands(Struct, frozen=True):
    """Runs commands as one user, who has logged in by variables."""

    home: Path
    variables: Mapping[str, str]

    async def run(self, *words: object, typed: Typed = None) -> Result:
        """The command's result; the event loop, in which the server runs, goes on meanwhile."""
        return await asyncio.to_thread(self._run, [str(word) for word in words], typed)

    def _run(self, words: list[str], typed: Typed) -> Result:
        return CliRunner(env=self.variables).invoke(cli, words, input=typed)

    async def answer(self, *words: object) -> Any:
        """The JSON of a command that succeeds."""
        result = await self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    async def start(self, *words: object, stdin: int | None = None, **variables: str) -> asyncio.subprocess.Process:
        """The command as a program."""
        return await asyncio.create_subprocess_exec(
            PROGRAM,
            *map(str, words),
            env={**os.environ, **self.variables, **variables},
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_interruptible,
        )

    @asynccontextmanager
    async def at_terminal(self, *words: object) -> "AsyncGenerator[Terminal]":
        """The command as a program that a person runs."""
        keyboard, theirs = pty.openpty()
        process = await self.start(*words, stdin=theirs)
        os.close(theirs)
        try:
            yield Terminal(process, keyboard)
        finally:
            os.close(keyboard)
            if process.returncode is None:
                process.kill()
                await process.communicate()


class Terminal:
    """A running command, a keyboard, and what the command has written on standard error."""

    def __init__(self, process: asyncio.subprocess.Process, keyboard: int) -> None:
        self.process = process
        self.said = ""
        self._keyboard = keyboard

    async def asked(self, question: str) -> None:
        """Returns when the question is on the screen."""
        assert self.process.stderr
        async with asyncio.timeout(60):
            while question not in self.said:
                more = await self.process.stderr.read(4096)
                assert more, self.said
                self.said += more.decode()

    def types(self, text: str) -> None:
        """Presses these keys."""
        os.write(self._keyboard, text.encode())

    async def presses_ctrl_c(self) -> None:
        """Interrupts it when it waits for the answer."""
        await waits_for_input(self.process)
        self.process.send_signal(signal.SIGINT)

    async def ended(self) -> tuple[int | None, str]:
        """The exit code and standard output; `said` is then complete."""
        async with asyncio.timeout(60):
            out, err = await self.process.communicate()
        self.said += err.decode()
        return self.process.returncode, out.decode().lstrip()  # a space of the question is in it


async def waits_for_input(process: asyncio.subprocess.Process) -> None:
    """Returns when it does."""

    async def waits() -> bool:
        return _reads_input(process.pid)

    await until(waits)


def _reads_input(pid: int) -> bool:
    number, *arguments = Path(f"/proc/{pid}/syscall").read_text().split()
    return number in _READS and arguments[0] == "0x0"


def _interruptible() -> None:
    """Ctrl-C ends it. A shell has it ignored by what it runs in the background, which may be the tests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@asynccontextmanager
async def working(platform: Platform) -> AsyncGenerator[None]:
    """The worker runs."""
    task = asyncio.create_task(run_worker(platform.deps))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """A user with an empty home and no variables."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in ("BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY"):
        monkeypatch.delenv(f"CALLMARK_{name}", raising=False)
    return Commands(home, {"HOME": str(home)})


@pytest.fixture
def commands(nobody: Commands, platform: Platform) -> Commands:
    """A user with the key of the platform's account."""
    named = {f"CALLMARK_{name.upper()}": str(value) for name, value in platform.options.items()}
    return Commands(nobody.home, {**nobody.variables, **named})
