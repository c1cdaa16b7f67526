"""Starts the platform in a process of its own (`callmark.testing.platform`), and ends it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from callmark.client.forks import keep_to_one_process
from callmark.testing.control import EmulatorError
from callmark.testing.seeded import SeededPlatform

_END_WITHIN_S = 10.0
_PREFIX = "CALLMARK_"
_KEPT = ("CALLMARK_POSTGRES_BIN", "CALLMARK_NATS_BIN", "CALLMARK_OUTGOING_NETWORKS", "CALLMARK_LOG_LEVEL")
"""Settings that tests may give the platform; the rest are of other installations, or of clients."""
_LAST_LINES = 20


@contextmanager
def started(port: int) -> Generator[SeededPlatform]:
    """A platform on a new data directory, as long as the block; what it was seeded with. Raises EmulatorError.

    It ends when its standard input does, so it does not survive this process, however that ends; and it is not ended by
    a process that was forked here and leaves the block, too.
    """
    data = Path(tempfile.mkdtemp(prefix="callmark-testing-"))
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX) or name in _KEPT}
    environ.pop("PYTHONOPTIMIZE", None)  # what it documents is in docstrings, which 2 leaves out
    # -P: else Python looks for modules in the directory that the tests were started in.
    argv = [sys.executable, "-P", "-m", "callmark.testing.platform", str(data), str(port)]
    line_of_life = _LineOfLife()
    process = subprocess.Popen(  # noqa: S603 - our own program
        argv, env=environ, stdin=line_of_life.end, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    os.close(line_of_life.end)
    try:
        assert process.stdout  # noqa: S101 - it is a pipe
        line = process.stdout.readline()
        if not line:
            process.wait()
            errors.seek(0)
            raise EmulatorError(f"the emulator did not start: {_last_lines(errors.read())}")
        yield msgspec.json.decode(line, type=SeededPlatform)
    finally:
        errors.close()
        if line_of_life.is_ours:
            line_of_life.cut()
            _end(process)
            shutil.rmtree(data, ignore_errors=True)


class _LineOfLife:
    """A pipe whose `end` is the platform's standard input. Only the process that made it holds it open."""

    def __init__(self) -> None:
        self.end, self._held = os.pipe()
        self.is_ours = True
        keep_to_one_process(self)

    def cut(self) -> None:
        """Lets go of it; the platform ends when its parent does that."""
        self.is_ours = False
        os.close(self._held)

    def leave_to_parent(self) -> None:
        """In a child that was forked: one that stays would keep the platform from ending."""
        if self.is_ours:
            self.cut()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdout:
        process.stdout.close()
    try:
        process.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()  # what it started dies with it
        process.wait()


def _last_lines(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    if any("ModuleNotFoundError" in line for line in lines):
        return f"{lines[-1]}. Install it with pip install 'callmark[testing]'"
    return "\n".join(lines) or "it said nothing"
