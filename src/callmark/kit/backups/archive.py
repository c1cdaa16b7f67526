"""The file of a backup: a tar of the dump, the manifest, and the SHA-256 sums of both.

    database.dump    what pg_dump wrote (custom format, compressed)
    manifest.json    see `manifest`
    SHA256SUMS       of these two, as `sha256sum --check` reads it

The dump comes first because its size is known only at the end: the manifest's figures belong to the same snapshot.
While a backup is being written its name begins with a dot and ends with `.callmark-partial`.
"""

import contextlib
import fcntl
import hashlib
import os
import tarfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.kit.backups.manifest import FORMAT, FormatOnly, Manifest
from callmark.kit.engines.data_directory import force
from callmark.kit.errors import SetupError, said

DUMP, MANIFEST, SUMS = "database.dump", "manifest.json", "SHA256SUMS"
PIECE_BYTES = 1 << 20

_BLOCK = 512
_PARTIAL = ".callmark-partial"
_SMALL_BYTES = 1 << 20
"""More than any manifest or list of sums has."""


class ArchiveWriter:
    """An unfinished backup: the dump goes in piece by piece, then the manifest closes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.dump_bytes = 0
        file.write(bytes(_BLOCK))  # the header, once the size is known

    def write(self, piece: bytes) -> None:
        """Appends to the dump. Raises OSError."""
        self._file.write(piece)
        self._sum.update(piece)
        self.dump_bytes += len(piece)

    def finish(self, manifest: Manifest) -> None:
        """Writes what follows the dump, and forces everything to the disk. Raises OSError."""
        self._pad(self.dump_bytes)
        content = msgspec.json.format(msgspec.json.encode(manifest))
        sums = _sum_lines(self._sum.hexdigest(), hashlib.sha256(content).hexdigest())
        for name, small in ((MANIFEST, content), (SUMS, sums)):
            self._file.write(_header(name, len(small), manifest))
            self._file.write(small)
            self._pad(len(small))
        self._file.write(bytes(2 * _BLOCK))
        self._file.seek(0)
        self._file.write(_header(DUMP, self.dump_bytes, manifest))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % _BLOCK))


@contextmanager
def new_archive(path: Path) -> Generator[ArchiveWriter]:
    """A backup that appears at `path` (0600) when the block ends; when it fails, nothing is left.

    What killed ones left in the same directory is removed. Raises SetupError when it cannot be written.
    """
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        if path.exists():
            raise SetupError(f"{path} already exists; name another file, or a directory")
        _remove_leftovers(path.parent)
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # says that it is being written
            try:
                yield ArchiveWriter(file)
                partial.rename(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        force(path.parent)
    except OSError as exc:
        raise SetupError(f"the backup {path} cannot be written: {exc.strerror or said(exc)}. Nothing is left") from exc


class Archive(Struct, frozen=True):
    """A backup that was read: its manifest, and where the dump is in the file."""

    path: Path
    manifest: Manifest
    dump_bytes: int
    _dump_at: int

    @contextmanager
    def dump(self) -> Generator[Iterator[bytes]]:
        """The dump, piece by piece."""
        with _opened(self.path) as file:
            file.seek(self._dump_at)
            yield _pieces(file, self.dump_bytes)


def read_archive(path: Path, note: Callable[[int], None] = lambda _: None) -> Archive:
    """The backup at `path`, every byte of it checked; `note` gets how many bytes were. Raises SetupError."""
    with _opened(path) as file:
        members = _members(path, file)
        found = _sum_lines(*(_sum(file, members[name], note) for name in (DUMP, MANIFEST)))
        if (written := _content(file, members[SUMS])) != found:
            raise _damaged(path, _difference(found, written))
        manifest = _manifest(path, _content(file, members[MANIFEST]))
    dump = members[DUMP]
    return Archive(path, manifest, dump.size, dump.offset_data)


def _members(path: Path, file: BufferedReader) -> dict[str, tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            found = {member.name: member for member in archive}
    except tarfile.TarError as exc:
        raise _damaged(path, "it is not a backup, or it is cut") from exc
    if missing := {DUMP, MANIFEST, SUMS} - found.keys():
        raise _damaged(path, f"{', '.join(sorted(missing))} is missing; it is cut, or not a backup")
    if any(found[name].size > _SMALL_BYTES for name in (MANIFEST, SUMS)):
        raise _damaged(path, "it is not a backup")
    return found


def _sum(file: IO[bytes], member: tarfile.TarInfo, note: Callable[[int], None]) -> str:
    found = hashlib.sha256()
    file.seek(member.offset_data)
    for piece in _pieces(file, member.size):
        found.update(piece)
        note(len(piece))
    return found.hexdigest()


def _sum_lines(dump: str, manifest: str) -> bytes:
    return f"{dump}  {DUMP}\n{manifest}  {MANIFEST}\n".encode()


def _difference(found: bytes, written: bytes) -> str:
    lines = written.splitlines()
    wrong = [line.decode().split()[1] for line in found.splitlines() if line not in lines]
    return f"{' and '.join(wrong) or SUMS} is not what was written"


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        if (found := msgspec.json.decode(content, type=FormatOnly).format) > FORMAT:
            raise SetupError(
                f"the backup {path} has format {found}, which a newer Callmark wrote; this one reads up to {FORMAT}."
                " Update Callmark"
            )
        return msgspec.json.decode(content, type=Manifest)
    except NOT_JSON as exc:
        raise _damaged(path, f"its {MANIFEST} cannot be read: {exc}") from exc


def _damaged(path: Path, why: str) -> SetupError:
    return SetupError(f"the backup {path} is damaged: {why}. Nothing was restored; take another backup")


@contextmanager
def _opened(path: Path) -> Generator[BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as exc:
        raise SetupError(f"the backup {path} cannot be read: {exc.strerror or said(exc)}") from exc


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The next `size` bytes, fewer where the file ends before."""
    while size and (piece := file.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        yield piece


def _content(file: IO[bytes], member: tarfile.TarInfo) -> bytes:
    file.seek(member.offset_data)
    return file.read(member.size)


def _header(name: str, size: int, manifest: Manifest) -> bytes:
    """One block: the GNU format writes also a size above 8 GiB into it."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(manifest.taken_at.timestamp())
    return member.tobuf(format=tarfile.GNU_FORMAT)


def _remove_leftovers(folder: Path) -> None:
    """Removes unfinished backups that nobody is writing."""
    for left in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(OSError), left.open("rb") as file:  # being written, or of another user
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
