"""Files appear whole or not at all."""

import os
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callmark.kit.errors import SetupError, Unavailable
from callmark.kit.object_store import Files, files_of
from callmark.kit.settings import read_settings

MEGABYTE = bytes(1 << 20)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The files below a folder of this test."""
    return files_of(read_settings({}, data=tmp_path))


async def chunks(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield MEGABYTE


async def test_a_file_is_read_as_it_was_written(files: Files) -> None:
    assert await files.open("exports/a.csv") is None
    await files.write("exports/a.csv", chunks(12))
    stored = await files.open("exports/a.csv")
    assert stored
    assert stored.size_bytes == 12 << 20
    sizes = [len(chunk) async for chunk in stored.chunks]
    assert sum(sizes) == stored.size_bytes
    assert max(sizes) <= 1 << 20


async def test_an_empty_file_is_a_file(files: Files) -> None:
    await files.write("exports/a.csv", chunks(0))
    stored = await files.open("exports/a.csv")
    assert stored
    assert stored.size_bytes == 0
    assert [chunk async for chunk in stored.chunks] == []


async def test_what_breaks_off_leaves_nothing(files: Files, tmp_path: Path) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        for _ in range(12):
            yield MEGABYTE
        assert await files.open("exports/a.csv") is None  # not visible before it is whole
        raise LookupError

    with pytest.raises(LookupError):
        await files.write("exports/a.csv", broken())
    assert not await files.sizes("exports")
    assert list(os.walk(tmp_path / "objects"))[-1][2] == []


async def test_what_the_source_does_not_find_is_not_taken_for_a_file_that_is_whole(files: Files) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield MEGABYTE
        raise FileNotFoundError

    await files.write("exports/a.csv", chunks(1))
    with pytest.raises(Unavailable):
        await files.write("exports/a.csv", broken())


async def test_files_are_listed_and_removed(files: Files) -> None:
    assert not await files.sizes("exports")
    for name in ("exports/a.csv", "exports/b.csv", "other/c.csv"):
        await files.write(name, chunks(1))
    assert sorted(await files.sizes("exports")) == ["exports/a.csv", "exports/b.csv"]
    await files.delete(["exports/a.csv", "exports/gone.csv"])
    assert list(await files.sizes("exports")) == ["exports/b.csv"]


async def test_what_a_killed_process_left_is_swept_after_a_day(files: Files, tmp_path: Path) -> None:
    await files.write("exports/a.csv", chunks(1))
    left = tmp_path / "objects/exports/b.csv#1"
    left.write_bytes(b"half")
    now = datetime(2026, 1, 3, tzinfo=UTC)
    for age, stays in ((timedelta(hours=23), True), (timedelta(hours=25), False)):
        os.utime(left, times=(0, (now - age).timestamp()))
        files.sweep(now)
        assert left.exists() == stays
    assert list(await files.sizes("exports")) == ["exports/a.csv"]


def test_a_folder_that_cannot_be_made_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as raised:
        files_of(read_settings({}, data=tmp_path / "file"))
    assert "cannot be created" in raised.value.reason


def test_an_address_that_is_no_bucket_stops_the_start() -> None:
    with pytest.raises(SetupError, match="CALLMARK_OBJECT_STORE"):
        read_settings({"CALLMARK_OBJECT_STORE": "ftp://files.example"})
