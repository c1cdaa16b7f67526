"""What a push needs to continue after any interruption: a file beside the results, one JSON text a line.

The first line says what is pushed. A chunk is 500 rows of the file. Before its records are sent, its idempotency key
and the instant that its times count from are written and synced: a chunk that is sent again has the same key and the
same bytes, so the server carries it out once. A chunk that the server refused whenever it was sent begins again, with
another key and the times of then. When the results of a chunk are synced, its last line says where they
end, and what all results so far are by their SHA-256. What was written half is cut off when the journal is opened
again; results that someone has changed meanwhile are left alone.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.client.cli.reading import FileOptions
from callmark.client.cli.session import WrongUse

VERSION = 2
"""Another one when rows of a file are found or counted in another way: a chunk is known by the place of its rows."""
ROWS_A_CHUNK = 500
_READ_AT_ONCE = 1 << 20


class Digest(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Adds what follows."""
        ...

    def hexdigest(self) -> str:
        """Of everything so far."""
        ...


class PushHead(Struct, frozen=True, kw_only=True):
    """What is pushed, and to which account."""

    version: int = VERSION
    sha256: str
    rows: int
    base_url: str
    account_id: str
    options: FileOptions


class _Version(Struct):
    version: int


class Chunk(Struct, frozen=True, omit_defaults=True):
    """A line about a chunk: begun (`key`, `now_ms`), refused, accepted (`batch_id`), done (`results_end` …)."""

    number: int
    key: str = ""
    now_ms: int = 0
    is_refused: bool = False
    batch_id: str = ""
    results_end: int = 0
    results_sha256: str = ""
    """Of all results up to there."""
    counts: dict[str, int] = {}
    """Of all chunks so far."""


_encode = msgspec.json.Encoder().encode
_read_chunk = msgspec.json.Decoder(Chunk).decode
_read_version = msgspec.json.Decoder(_Version).decode
_read_head = msgspec.json.Decoder(PushHead).decode


class AppendedFile:
    """A file that only grows, and whose end is known to be on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise WrongUse(f"cannot write {path}: {exc.strerror}") from exc

    def lock(self) -> None:
        """Until the file is closed. Raises WrongUse if another process has it, or there are no locks."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as exc:
            raise WrongUse(f"another push is writing {self.path}") from exc
        except OSError as exc:  # a file system without locks
            raise WrongUse(f"cannot lock {self.path}: {exc.strerror}. Choose another place with --results") from exc

    def content(self) -> bytes:
        """Every byte that the journal holds."""
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    def digest(self, end: int) -> Digest:
        """The SHA-256 of the first `end` bytes, or of those that are there; more can be added."""
        found, at = hashlib.sha256(), 0
        while part := os.pread(self._file, min(_READ_AT_ONCE, end - at), at):
            found.update(part)
            at += len(part)
        return found

    def cut(self, keep: int) -> None:
        """Leaves the first `keep` bytes; what is appended follows them. Raises WrongUse; the push can continue."""
        try:
            os.ftruncate(self._file, keep)
            os.lseek(self._file, keep, os.SEEK_SET)
        except OSError as exc:
            raise self._not_written(exc) from exc

    def append(self, content: bytes, *, sync: bool = True) -> int:
        """Writes all of it and gives where the file ends. Raises WrongUse; the push can continue."""
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
            if sync:
                os.fsync(self._file)
            return os.lseek(self._file, 0, os.SEEK_CUR)
        except OSError as exc:
            raise self._not_written(exc) from exc

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._file)

    def _not_written(self, exc: OSError) -> WrongUse:
        ways = "Make room, then run the same command with --resume"
        return WrongUse(f"cannot write {self.path}: {exc.strerror}. {ways}")


class Journal:
    """The journal of one push, as it is on the disk."""

    def __init__(self, file: AppendedFile, head: PushHead) -> None:
        self.head = head
        self.done = 0
        """How many chunks, from the first, have their results on the disk."""
        self.results_end = 0
        self.results_sha256 = ""
        self.counts: dict[str, int] = {}
        self._chunks: dict[int, Chunk] = {}
        self._file = file

    @classmethod
    def begin(cls, path: Path, head: PushHead) -> "Journal":
        """A new journal. Raises WrongUse if another push has begun one meanwhile."""
        file = AppendedFile(path)
        file.lock()
        if b"\n" in file.content():
            file.close()
            raise WrongUse(f"another push has written {path}: continue it with --resume, or use another --results")
        file.cut(0)
        file.append(_encode(head) + b"\n")
        return cls(file, head)

    @classmethod
    def reopen(cls, path: Path) -> "Journal | None":
        """The journal of a push that was interrupted; None if it had not begun. Raises WrongUse for other files."""
        if not path.exists():
            return None
        file = AppendedFile(path)
        file.lock()
        content = file.content()
        content = content[: content.rfind(b"\n") + 1]
        if not content:
            file.close()
            return None
        first, *lines = content.splitlines()
        try:
            if _read_version(first).version != VERSION:
                raise WrongUse(f"{path} is of another version of callmark: continue with the one that began it")
            found = cls(file, _read_head(first))
            for line in lines:
                found._note(_read_chunk(line))
        except NOT_JSON as exc:
            raise WrongUse(f"{path} is no journal of a push: {exc}") from exc
        file.cut(len(content))
        return found

    @property
    def is_finished(self) -> bool:
        """Whether every row has its result."""
        return sum(self.counts.values()) >= self.head.rows

    def begun(self, number: int) -> Chunk | None:
        """What is known of a chunk that was begun and is not done."""
        return self._chunks.get(number)

    def begin_chunk(self, number: int, key: str, now_ms: int) -> Chunk:
        """Keeps the key before anything is sent with it."""
        return self._add(Chunk(number, key, now_ms))

    def refused(self, number: int) -> None:
        """Nothing of the chunk was carried out: it counts as not begun."""
        self._add(Chunk(number, is_refused=True))

    def accepted(self, number: int, batch_id: str) -> None:
        """The server has the chunk. If this line is lost, the same key finds the same batch."""
        self._add(Chunk(number, batch_id=batch_id), sync=False)

    def finish_chunk(self, number: int, results_end: int, results_sha256: str, counts: dict[str, int]) -> None:
        """The results of the chunk are on the disk up to there."""
        self._add(Chunk(number, results_end=results_end, results_sha256=results_sha256, counts=counts))

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _add(self, chunk: Chunk, *, sync: bool = True) -> Chunk:
        self._write(chunk, sync=sync)
        return self._note(chunk)

    def _write(self, line: Struct, *, sync: bool = True) -> None:
        self._file.append(_encode(line) + b"\n", sync=sync)

    def _note(self, chunk: Chunk) -> Chunk:
        if chunk.results_end:
            self.done, self.counts = chunk.number + 1, dict(chunk.counts)
            self.results_end, self.results_sha256 = chunk.results_end, chunk.results_sha256
            self._chunks.pop(chunk.number, None)
            return chunk
        if chunk.is_refused:
            self._chunks.pop(chunk.number, None)
            return chunk
        known = self._chunks.get(chunk.number)
        if known and chunk.batch_id:
            chunk = msgspec.structs.replace(known, batch_id=chunk.batch_id)
        self._chunks[chunk.number] = chunk
        return chunk
