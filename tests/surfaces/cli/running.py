"""Operator commands, run in the tests' process or in one of their own."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Self

import structlog
from click.testing import CliRunner
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.errors import AppError
from callmark.kit.settings import Settings
from callmark.processes.compose import open_deps

NOBODY = "00000000-0000-7000-8000-000000000000"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Runner(ABC):
    """Runs commands where the test's engines are named."""

    @abstractmethod
    def run(self, *args: str) -> Ended:
        """The command as it ended, run by a script: no terminal."""

    def text(self, *args: str) -> str:
        """What a command that succeeds prints."""
        ended = self.run(*args)
        assert (ended.code, ended.err) == (0, "")
        return ended.out

    def json(self, *args: str) -> Any:
        """The answer of a command that succeeds."""
        return json.loads(self.text(*args, "--json"))

    def first(self, *args: str) -> tuple[Any, str]:
        """The first row of a list that has more, and the option that standard error names for them."""
        ended = self.run(*args, "--limit", "1", "--json")
        said, _, option = ended.err.strip().partition(" with ")
        assert (ended.code, said) == (0, "There are more. Show them")
        (row,) = json.loads(ended.out)
        return row, option

    def error(self, *args: str) -> str:
        """The one line a command that fails ends with."""
        ended = self.run(*args)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("Error: ")
        assert ended.err.count("\n") == 1
        return ended.err.removeprefix("Error: ").strip()


class Here(Runner):
    """Runs a command's group in this process, which is quicker; errors end it as `callmark.main` does.

    To open the engines takes longer than most commands: those of a test share what they run on, and the loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._deps: Deps

    def __enter__(self) -> Self:
        self._deps = self._loop.run(self._opened.enter_async_context(self.open()))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._opened.aclose())
        self._loop.close()

    def run(self, *args: str) -> Ended:
        """The command as it ended, run by a script: no terminal."""
        name = args[0].replace("-", "_")
        module = import_module(f"callmark.surfaces.cli.{name}")
        command = getattr(module, "group", None) or getattr(module, name)
        with structlog.testing.capture_logs():
            ended = CliRunner().invoke(command, args[1:], obj=self._run)
        if isinstance(ended.exception, AppError):
            return Ended(1, ended.stdout, f"Error: {ended.exception.message}\n")
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    def open(self) -> AbstractAsyncContextManager[Deps]:
        """As `callmark.main` opens an installation that the settings name."""
        return open_deps(self._settings, "operator", connected_within_s=PATIENT_S)

    def _run(self, data: Path | None, use: Callable[[Deps], Coroutine[None, None, None]]) -> None:
        assert data is None
        self._loop.run(use(self._deps))
