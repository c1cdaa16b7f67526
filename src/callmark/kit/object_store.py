"""Files that are too large for a row and are made again when lost: below the data directory, or in an S3 bucket.

A file appears whole or not at all: one that is being written is invisible, and gone when its writing is broken off.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import obstore
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from callmark.kit.engines.owner import leave_to_owner
from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.s3 import is_of_one, open_bucket, reason_of
from callmark.kit.settings import Settings

FOLDER = "objects"
"""Where files are in the data directory."""

_PART_BYTES = 5 << 20  # the least that S3 takes as a part
_PARTS_AT_ONCE = 2
_READ_BYTES = 256 << 10
_DELETED_AT_ONCE = 1000  # the most that S3 takes
_BREAKS = 3
"""How often a reading may break off without a byte in between."""
_TRIAL_WITHIN = timedelta(seconds=5)
_UNFINISHED_FOR = timedelta(days=1)

_untyped: Any = obstore  # its `list` is typed in a part only


class Stored(Struct, frozen=True):
    """A file as it was when it was opened. Of its chunks one is in memory at a time."""

    size_bytes: int
    chunks: AsyncIterator[bytes]


class Files:
    """The files of one store, by name. Every method raises `Unavailable` when the store cannot be reached."""

    def __init__(self, store: ObjectStore, folder: Path | None, writing: ObjectStore | None = None) -> None:
        """`folder`: where the files are on this host, None in a bucket. `writing`: the same store, patient with us."""
        self._store = store
        self._writing = writing or store
        self._folder = folder

    async def write(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Makes or replaces a file; ten megabytes of it are in memory at most. What `chunks` raises leaves nothing."""
        size, is_sent = 0, False
        with _named_when_lost():
            try:
                async with obstore.open_writer_async(
                    self._writing, name, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
                ) as writer:  # which takes back the parts of what is broken off; the store keeps them otherwise
                    async for chunk in chunks:
                        size += len(chunk)
                        await writer.write(chunk)
                    is_sent = True
            except FileNotFoundError:  # of the upload, which has ended where the answer to its end was lost
                if not is_sent or await self._size(name) != size:
                    raise

    async def open(self, name: str) -> Stored | None:
        """The file, or None when there is none."""
        with _named_when_lost():
            try:
                found = await obstore.get_async(self._store, name)
            except FileNotFoundError:
                return None
            return Stored(found.meta["size"], _read(self._store, name, found))

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may have the same files: they are in a bucket."""
        return self._folder is None

    async def sizes(self, prefix: str) -> dict[str, int]:
        """All files in a folder, by name, in bytes."""
        with _named_when_lost():
            found: Sequence[dict[str, Any]] = await _untyped.list(self._store, prefix).collect_async()
            return {one["path"]: one["size"] for one in found}

    async def delete(self, names: Sequence[str]) -> None:
        """Removes files; those that are gone already do not matter.

        One that may not be removed, as by a lock, does not keep the others. Unavailable then names the first of them.
        A bucket that refuses a whole request, or is busy, is not asked again.
        """
        most = _DELETED_AT_ONCE if self.is_shared else 1  # a folder leaves others undone when one is missing
        refused: Exception | None = None
        with _named_when_lost():
            for at in range(0, len(names), most):
                try:
                    await obstore.delete_async(self._store, names[at : at + most])
                except (BaseError, OSError) as exc:
                    if self.is_shared and not is_of_one(exc):
                        raise
                    if self.is_shared or not isinstance(exc, FileNotFoundError):
                        refused = refused or exc
            if refused:
                raise refused

    async def _size(self, name: str) -> int | None:
        """Of a file, in bytes; None when there is none."""
        try:
            return (await obstore.head_async(self._store, name))["size"]
        except FileNotFoundError:
            return None

    def sweep(self, now: datetime) -> None:
        """Removes what killed processes left half-written a day before `now`, by the real clock; in S3 a rule does."""
        if self._folder is None:
            return
        for path in self._folder.rglob("*#*"):  # how obstore names a file under way
            with suppress(FileNotFoundError):  # finished, or swept by another process
                if path.stat().st_mtime < (now - _UNFINISHED_FOR).timestamp():
                    path.unlink()


def files_of(settings: Settings) -> Files:
    """The installation's files, opened once in a process. Raises Unavailable when setting or folder cannot be used."""
    return _opened(settings.object_store, settings.data)


@lru_cache(maxsize=8)
def _opened(url: str, data: Path) -> Files:
    if url:
        return Files(open_bucket(url), None, open_bucket(url, writes=True))
    folder = data / FOLDER
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            leave_to_owner(folder)
    except OSError as exc:
        raise Unavailable(
            f"the folder {folder} cannot be created: {exc.strerror}. Correct its rights, or set CALLMARK_OBJECT_STORE"
        ) from exc
    return Files(LocalStore(str(folder)), folder)


class Trial(Struct, frozen=True):
    """What a trial of the store found."""

    is_whole: bool
    keeps_versions: bool


def try_store(settings: Settings) -> Trial:
    """Writes, reads, lists and deletes a small file. Raises Unavailable.

    It blocks and repeats nothing, unlike `Files`, and leaves no work behind: a process that ends in the moment in which
    a thread of obstore hands over a result is aborted.
    """
    text, folder = b"callmark", "doctor"
    name = f"{folder}/{new_id()}"
    with _named_when_lost():
        store = _once(settings)
        put = obstore.put(store, name, text)
        try:
            read = bytes(obstore.get(store, name).bytes())
            _untyped.list(store, folder).collect()  # who may not is also denied what is not there
        finally:
            obstore.delete(store, name)
            if not settings.object_store:
                with suppress(OSError):  # another trial is under way
                    (settings.data / FOLDER / folder).rmdir()
    return Trial(read == text, bool(put["version"]) and put["version"] != "null")


def _once(settings: Settings) -> ObjectStore:
    if not settings.object_store:
        return LocalStore(str(settings.data / FOLDER))
    return open_bucket(settings.object_store, once_within=_TRIAL_WITHIN)


async def _read(store: ObjectStore, name: str, found: "obstore.GetResult") -> AsyncGenerator[bytes]:
    """The chunks. Where the store breaks off, the rest of the same version is asked for, by a new request."""
    size, version, at, breaks = found.meta["size"], found.meta["e_tag"], 0, 0
    with _named_when_lost():
        while True:
            try:
                async for chunk in found.stream(min_chunk_size=_READ_BYTES):
                    at, breaks = at + len(chunk), 0
                    yield chunk
            except (BaseError, OSError):
                breaks += 1
                if at == size or breaks > _BREAKS:
                    raise
            else:
                return
            found = await obstore.get_async(store, name, options={"range": {"offset": at}, "if_match": version})


@contextmanager
def _named_when_lost() -> Generator[None]:
    try:
        yield
    except (BaseError, OSError) as exc:
        raise Unavailable(f"object store: {reason_of(exc)}") from exc
    except BaseException as exc:
        if type(exc).__name__ in _PANICS:
            raise Unavailable(f"object store: its client failed: {reason_of(exc)}") from exc
        raise


_PANICS = {"PanicException", "RustPanic"}
"""What obstore raises for a fault of its own. They have no common class, and one is no Exception."""
