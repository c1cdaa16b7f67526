"""The pytest plugin: fixtures that start the platform when a test first asks for it. It imports nothing before that."""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import callmark
    from callmark.testing.emulator import Emulator

_URL, _CREDENTIALS = "CALLMARK_EMULATOR_URL", "CALLMARK_EMULATOR_CREDENTIALS"
_FILE = "demo-credentials.json"


@pytest.fixture(scope="session")
def callmark_shared_emulator() -> "Generator[Emulator]":
    """The emulator of this process, for fixtures of your own that live longer than a test; it is not reset.

    The one at CALLMARK_EMULATOR_URL, if that is set.
    """
    from callmark.testing.emulator import Emulator

    if url := _variable(_URL):
        emulator = Emulator.connect(url, _credentials())
        yield emulator
        emulator.close()
        return
    with Emulator.start() as started:
        yield started


@pytest.fixture
def callmark_emulator(callmark_shared_emulator: "Emulator") -> "Generator[Emulator]":
    """The platform with handsets, a clock, webhooks and faults, as it was seeded (docs/testing.md)."""
    with _alone(url) if (url := _variable(_URL)) else nullcontext():
        callmark_shared_emulator.reset()
        yield callmark_shared_emulator


@pytest.fixture
def callmark_client(callmark_emulator: "Emulator") -> "callmark.Client":
    """A client of the emulator's first account."""
    return callmark_emulator.account().client()


@pytest.fixture
def callmark_async_client(callmark_emulator: "Emulator") -> "callmark.AsyncClient":
    """The same for coroutines."""
    return callmark_emulator.account().async_client()


def _variable(name: str) -> str:
    """Without the line break that a variable out of a file ends in; empty if it is not set."""
    return os.environ.get(name, "").strip()


def _credentials() -> Path:
    if named := _variable(_CREDENTIALS):
        return Path(named)
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # Windows has no such numbers
        return Path("/var/lib/callmark-demo") / _FILE
    from callmark.client.environment import find_home
    from callmark.testing.control import EmulatorError

    if (home := find_home()) is None:
        raise EmulatorError(
            f"this user has no home directory, where the demo keeps its credentials: set {_CREDENTIALS} to the file"
            " that `callmark demo --credentials FILE` wrote"
        )
    return home / ".local/share/callmark-demo" / _FILE


@contextmanager
def _alone(url: str) -> Generator[None]:
    """Of all processes that test against one emulator, one at a time: each test resets it."""
    if importlib.util.find_spec("fcntl") is None:  # as on Windows: there, one process at a time may use an emulator
        yield
        return
    import fcntl

    name = f"callmark-emulator-{os.geteuid()}-{hashlib.sha256(url.encode()).hexdigest()[:16]}.lock"
    lock = os.open(Path(tempfile.gettempdir()) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    owner = os.getpid()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        if os.getpid() == owner:  # and no child that the test forked, and that leaves the block as well
            fcntl.flock(lock, fcntl.LOCK_UN)  # such a child has the file open too, so closing is not enough
        os.close(lock)
