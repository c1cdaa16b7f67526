"""Starts `callmark serve` as a user would, and looks at its processes."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from click.testing import CliRunner
from msgspec import Struct
from tests.support.waiting import FIRST_PAUSE_S, GROWS, LONGEST_PAUSE_S

from callmark.main import cli

COMMAND = [sys.executable, "-m", "callmark.main"]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}
OPTIONS = ["--port", "0", "--roles", "api,worker"]
ANSWERED_WITHIN_S = 10
"""A refused connection ends at once; `/readyz` itself may take three."""
PUSHED_WITHIN_S = 2.5
"""How long a real-time push waits for the handset; the setting allows hardly more."""
STOPPED_WITHIN_S = 30
"""On a machine that is busy with other tests; a supervisor gives its parts less than five (tests/processes)."""


class Serve(Struct):
    """A running `callmark serve`; what it says on standard error goes to `errors`."""

    process: "subprocess.Popen[bytes]"
    data: Path
    errors: Path

    @property
    def installation(self) -> dict[str, Any]:
        return json.loads((self.data / "installation.json").read_bytes())

    @property
    def log(self) -> list[dict[str, Any]]:
        lines = self.errors.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ready(self) -> bool:
        try:
            return fetch(self.installation["base_url"] + "/readyz")[0] == 200
        except FileNotFoundError:
            return False

    def readiness(self) -> dict[str, str]:
        """What the public `/readyz` finds wrong, by check; empty when nothing is, or nobody answers."""
        try:
            status, body = fetch(self.installation["base_url"] + "/readyz")
        except FileNotFoundError:
            return {}
        checks: list[dict[str, Any]] = json.loads(body)["checks"] if status else []
        return {check["name"]: check["reason"] for check in checks if not check["ok"]}

    def pid_of(self, program: str) -> int | None:
        """The newest direct child whose command line contains `program`."""
        for pid in reversed(children(self.process.pid)):
            with contextlib.suppress(OSError):
                if program in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                    return pid
        return None


@contextmanager
def serving(
    directory: Path, *options: str, name: str = "data", log_pipe: int | None = None, **variables: str
) -> Generator[Serve]:
    """`callmark serve` on `directory`, ready; stopped at the end of the block when it still runs."""
    process = start(directory, name, *options, log_pipe=log_pipe, **variables)
    errors = directory / f"{name}.errors"
    serve = Serve(process, directory / name, errors)
    try:
        until(lambda: serve.ready() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        yield serve
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOPPED_WITHIN_S)


def start(
    directory: Path, name: str, *options: str, log_pipe: int | None = None, **variables: str
) -> "subprocess.Popen[bytes]":
    """`callmark serve` on `directory/name`, not waited for.

    Its standard error goes to `directory/name.errors`, or to a pipe.
    """
    with (directory / f"{name}.errors").open("ab") as output:
        return subprocess.Popen(
            [*COMMAND, "serve", "--data", directory / name, *OPTIONS, *options],
            env=ENVIRON | variables,
            stderr=output if log_pipe is None else log_pipe,
        )


def run(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A `callmark` command run to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=ENVIRON | variables, capture_output=True, text=True, check=False, timeout=300
    )


def run_here(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A `callmark` command in the process of the tests: for what starts no process and leaves nothing behind.

    To start a process takes a second of the processor's; that what is refused ends one is shown by a case of each kind.
    """
    argv = [str(argument) for argument in arguments]
    none = dict.fromkeys(name for name in os.environ if name not in ENVIRON)
    ended = CliRunner(env=none | variables).invoke(cli, argv)
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return subprocess.CompletedProcess(argv, ended.exit_code, ended.stdout, ended.stderr)


def fetch(url: str, within_s: float = ANSWERED_WITHIN_S) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 when nobody answers."""
    try:
        with urlopen(url, timeout=within_s) as answer:
            return answer.status, answer.read()
    except HTTPError as exc:
        with exc:
            return exc.code, exc.read()
    except (URLError, OSError):
        return 0, b""


def until(condition: Callable[[], object], within_s: float = 60) -> None:
    """Returns when `condition` holds; it concerns other processes, which send us no signal."""
    deadline, pause_s = time.monotonic() + within_s, FIRST_PAUSE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause_s)
        pause_s = min(pause_s * GROWS, LONGEST_PAUSE_S)


def is_in_time(pushed: dict[str, Any], took_s: float) -> bool:
    """Whether a real-time push was a success; False when its time went by, as on a machine that is busy with others.

    An AssertionError when it failed before that: then nobody tried to reach the handset.
    """
    status = pushed["status_info"]["status"]
    assert status == "success" or took_s > PUSHED_WITHIN_S - 1, pushed
    return status == "success"


def children(pid: int) -> list[int]:
    """Direct children, oldest first."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


@contextmanager
def watched(pids: list[int]) -> Generator[Callable[[float], list[int]]]:
    """A function that gives those of `pids` that still live after some seconds (exact also when ids are used again)."""
    descriptors: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors[pid] = os.pidfd_open(pid)

    def left(within_s: float) -> list[int]:
        deadline = time.monotonic() + within_s
        return [
            pid
            for pid, descriptor in descriptors.items()
            if not select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]
        ]

    yield left
    for descriptor in descriptors.values():
        os.close(descriptor)
