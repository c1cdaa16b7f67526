"""Where tokens are kept between requests: in this process, or in a file that processes share."""

import hashlib
import importlib
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.client.errors import CallmarkError
from callmark.client.forks import keep_to_one_process
from callmark.client.profiles import check_private, followed, write_private
from callmark.client.reprs import SafeRepr


class TokenState(SafeRepr, Struct, frozen=True):
    """A token and what is known around it; instants are epoch seconds by this machine's clock."""

    token: str = ""
    made_at: float = 0.0
    clock_offset_s: float = 0.0
    """How far the server's clock is ahead."""
    history: list[float] = msgspec.field(default_factory=list[float])
    """When tokens were made in the last half hour, oldest first."""
    is_counted_there: bool = False
    """Whether the server tells how many tokens are left."""
    is_of_emulator: bool = False
    """Whether the server's clock can be moved, and each of its answers tells what it shows."""
    clock_setting: float | None = None
    """The machine's `now` less its monotonic clock, when the token was made; None if nobody noted it."""
    machine: str = ""
    """Which machine made it: a store may be shared by several."""


class TokenStore(Protocol):
    """Keeps one state by name, with a lock for each name. Nobody waits here for one; who finds it taken asks again.

    A lock is held while the server is asked for a token, so a server that does not answer must not block other names.
    What one place for all names needs besides may be waited for, as long as a write takes: asynchronous clients call
    these methods as they are.
    """

    def acquire(self, name: str) -> bool:
        """Takes the name's lock for making a token; False if someone else has it."""
        ...

    def release(self, name: str) -> None:
        """Gives the lock back."""
        ...

    def load(self, name: str) -> TokenState:
        """The state of that name; an empty one if there is none."""
        ...

    def save(self, name: str, state: TokenState) -> None:
        """Keeps the state. Called with the name's lock held."""
        ...


class MemoryTokenStore:
    """Shared by every client of this process that is given it."""

    def __init__(self) -> None:
        self._states: dict[str, TokenState] = {}
        self._locks: dict[str, threading.Lock] = {}
        keep_to_one_process(self)

    def acquire(self, name: str) -> bool:
        """Takes the lock; False if someone has it."""
        return self._locks.setdefault(name, threading.Lock()).acquire(blocking=False)

    def release(self, name: str) -> None:
        """Gives the lock back."""
        self._locks[name].release()

    def leave_to_parent(self) -> None:
        """In a child that was forked, where no thread gives the lock back."""
        self._locks.clear()

    def load(self, name: str) -> TokenState:
        """The state, or an empty one."""
        return self._states.get(name, TokenState())

    def save(self, name: str, state: TokenState) -> None:
        """Keeps the state."""
        self._states[name] = state


class FileTokenStore:
    """Shared by every process that opens the same path: one file, mode 0600, with lock files beside it.

    The system gives a lock back when a process dies. Tokens, no keys, are in the file; who can read it can push for
    up to an hour, so a file that others can read is refused (CallmarkError).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._locked: dict[str, int] = {}
        keep_to_one_process(self)

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self.path)!r})"

    def acquire(self, name: str) -> bool:
        """Takes the lock of the name; False if another thread or process has it. Raises CallmarkError."""
        return self._take(_lock_name(name), may_wait=False)

    def release(self, name: str) -> None:
        """Gives the lock back."""
        self._give_back(_lock_name(name))

    def leave_to_parent(self) -> None:
        """In a child that was forked: the locks are its parent's, and must not stay taken when that ends."""
        for opened in self._locked.values():
            os.close(opened)
        self._locked = {}

    def load(self, name: str) -> TokenState:
        """The state, or an empty one; a file that cannot be understood counts as empty. Raises CallmarkError."""
        return self._all().get(name, TokenState())

    def save(self, name: str, state: TokenState) -> None:
        """Replaces the file, whole or not at all. Raises CallmarkError.

        Waits while another name's state is written. Without that, a token that the server has counted would be lost:
        this one, or another name's.
        """
        self._take("", may_wait=True)
        try:
            write_private(self.path, msgspec.json.encode(self._all() | {name: state}))
        except OSError as exc:
            raise CallmarkError(f"cannot write {self.path}: {exc.strerror}") from exc
        finally:
            self._give_back("")

    def _all(self) -> dict[str, TokenState]:
        try:
            check_private(self.path)
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise CallmarkError(f"cannot read {self.path}: {exc.strerror}") from exc
        with suppress(*NOT_JSON):
            return msgspec.json.decode(content, type=dict[str, TokenState])
        return {}

    def _take(self, lock: str, *, may_wait: bool) -> bool:
        """Takes a name's lock, or that of the file (empty); False if it is taken. Raises CallmarkError."""
        fcntl = _file_locks()
        file = followed(self.path)  # so that who opens the file and who opens a link to it keep each other out
        path = file.with_name(f"{file.name}{lock}.lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise CallmarkError(f"cannot open {path}: {exc.strerror}") from exc
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if may_wait else fcntl.LOCK_NB))
        except OSError as exc:
            os.close(opened)
            if not may_wait and isinstance(exc, BlockingIOError | PermissionError):
                return False
            # A file system without locks, for one.
            raise CallmarkError(f"cannot lock {path}: {exc.strerror}") from exc
        self._locked[lock] = opened
        return True

    def _give_back(self, lock: str) -> None:
        """Also for a child that was forked meanwhile and has the file open too."""
        if (opened := self._locked.pop(lock, None)) is not None:
            fcntl = _file_locks()
            fcntl.flock(opened, fcntl.LOCK_UN)
            os.close(opened)


def _file_locks() -> Any:  # noqa: ANN401 - a module
    """What locks files. Raises CallmarkError on a system that has none of its kind."""
    try:
        return importlib.import_module("fcntl")
    except ModuleNotFoundError as exc:
        raise CallmarkError(
            "FileTokenStore works on Linux and macOS only: Python has no fcntl on this system. Leave it out, or pass a"
            " token store of your own"
        ) from exc


def _lock_name(name: str) -> str:
    """What the name of a lock file has behind that of the file: any name is safe there as its hash."""
    return f".{hashlib.sha256(name.encode()).hexdigest()[:16]}"
