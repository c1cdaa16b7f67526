"""Where tokens are kept between requests: in this process, or in a file that processes share."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from callmark.client.errors import CallmarkError
from callmark.client.forks import keep_to_one_process
from callmark.client.profiles import check_private, write_private


class TokenState(Struct, frozen=True):
    """A token and what is known around it; instants are epoch seconds by this machine's clock."""

    token: str = ""
    made_at: float = 0.0
    clock_offset_s: float = 0.0
    """How far the server's clock is ahead."""
    history: list[float] = []
    """When tokens were made in the last half hour, oldest first."""
    is_counted_there: bool = False
    """Whether the server tells how many tokens are left."""
    is_of_emulator: bool = False
    """Whether the server's clock can be moved, and each of its answers tells what it shows."""
    clock_setting: float | None = None
    """This machine's `now` less its monotonic clock, when the token was made; None if nobody noted it."""

    def __repr__(self) -> str:
        return f"TokenState(made_at={self.made_at}, made={len(self.history)})"


class TokenStore(Protocol):
    """Keeps one state by name. Nothing here waits: who finds the lock taken asks again a little later."""

    def acquire(self, name: str) -> bool:
        """Takes the lock for making a token; False if someone else has it."""
        ...

    def release(self, name: str) -> None:
        """Gives the lock back."""
        ...

    def load(self, name: str) -> TokenState:
        """The state of that name; an empty one if there is none."""
        ...

    def save(self, name: str, state: TokenState) -> None:
        """Keeps the state. Called with the lock held."""
        ...


class MemoryTokenStore:
    """Shared by every client of this process that is given it."""

    def __init__(self) -> None:
        self._states: dict[str, TokenState] = {}
        self._lock = threading.Lock()
        keep_to_one_process(self)

    def acquire(self, name: str) -> bool:  # noqa: ARG002 - one lock for all names
        """Takes the lock; False if someone has it."""
        return self._lock.acquire(blocking=False)

    def release(self, name: str) -> None:  # noqa: ARG002 - one lock for all names
        """Gives the lock back."""
        self._lock.release()

    def leave_to_parent(self) -> None:
        """In a child that was forked, where no thread gives the lock back."""
        self._lock = threading.Lock()

    def load(self, name: str) -> TokenState:
        """The state, or an empty one."""
        return self._states.get(name, TokenState())

    def save(self, name: str, state: TokenState) -> None:
        """Keeps the state."""
        self._states[name] = state


class FileTokenStore:
    """Shared by every process that opens the same path: one file, mode 0600, with a lock file beside it.

    The system gives the lock back when a process dies. Tokens, no keys, are in the file; who can read it can push for
    up to an hour, so a file that others can read is refused (CallmarkError).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock_path = self.path.with_name(f"{self.path.name}.lock")
        self._locked: int | None = None
        keep_to_one_process(self)

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self.path)!r})"

    def acquire(self, name: str) -> bool:  # noqa: ARG002 - one lock for the file
        """Takes the lock of the file; False if another thread or process has it. Raises CallmarkError."""
        import fcntl

        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise CallmarkError(f"cannot open {self._lock_path}: {exc.strerror}") from exc
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(opened)
            return False
        except OSError as exc:  # a file system without locks
            os.close(opened)
            raise CallmarkError(f"cannot lock {self._lock_path}: {exc.strerror}") from exc
        self._locked = opened
        return True

    def release(self, name: str) -> None:  # noqa: ARG002 - one lock for the file
        """Gives the lock back, also for a child that was forked meanwhile and has the file open too."""
        import fcntl

        opened, self._locked = self._locked, None
        if opened is not None:
            fcntl.flock(opened, fcntl.LOCK_UN)
            os.close(opened)

    def leave_to_parent(self) -> None:
        """In a child that was forked: the lock is its parent's, and must not stay taken when that ends."""
        opened, self._locked = self._locked, None
        if opened is not None:
            os.close(opened)

    def load(self, name: str) -> TokenState:
        """The state, or an empty one; a file that cannot be understood counts as empty. Raises CallmarkError."""
        return self._all().get(name, TokenState())

    def save(self, name: str, state: TokenState) -> None:
        """Replaces the file, whole or not at all. Raises CallmarkError."""
        states = self._all() | {name: state}
        try:
            write_private(self.path, msgspec.json.encode(states))
        except OSError as exc:
            raise CallmarkError(f"cannot write {self.path}: {exc.strerror}") from exc

    def _all(self) -> dict[str, TokenState]:
        try:
            check_private(self.path)
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise CallmarkError(f"cannot read {self.path}: {exc.strerror}") from exc
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(content, type=dict[str, TokenState])
        return {}
