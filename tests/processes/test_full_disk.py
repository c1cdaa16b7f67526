"""A start on a disk that is full says so at once, whatever it comes to first."""

import time
from pathlib import Path

import msgspec
import pytest
from tests.processes.doctor import Doctor
from tests.support.first_starts import FirstStarts
from tests.support.small_disk import small_disk

from callmark.kit.disk_room import NoRoom
from callmark.kit.errors import SetupError, Unavailable
from callmark.kit.settings import read_settings
from callmark.processes.reach import once_reachable
from callmark.processes.supervisor import Supervisor

SOON_S = 25
"""Less than the shortest wait for an engine, on a machine that is busy with other tests."""


async def refusal_of(data: Path) -> str:
    """What a start says, of engines alone."""
    settings = msgspec.structs.replace(read_settings({}, data=data), port=0)
    began = time.monotonic()
    with pytest.raises(NoRoom) as refused:
        async with Supervisor(settings, frozenset(), []):
            pass
    assert time.monotonic() - began < SOON_S
    said, _, advice = refused.value.message.partition("; ")
    assert advice == "free some space there, or name a directory on another disk with --data (CALLMARK_DATA)"
    return said


@pytest.mark.parametrize("size_kib", [64, 30_000, 90_000])
async def test_a_first_start(size_kib: int) -> None:
    with small_disk(size_kib) as disk:
        data = disk.folder / "data"
        said = await refusal_of(data)
        assert said.startswith(f"the disk of {data} has no room: ")
        assert said.endswith(" MiB free, a first start needs 100 MiB")


async def test_a_first_start_where_nothing_can_be_written() -> None:
    with small_disk(64) as disk:
        data = disk.folder / "data"
        data.mkdir()
        (disk.folder / "of others").write_bytes(bytes(9000))
        disk.leave(0)
        assert await refusal_of(data) == f"the disk of {data} has no room: 0.0 MiB free"


async def test_a_start_that_cannot_make_a_file() -> None:
    with small_disk(200_000) as disk:
        disk.take_no_more_files()
        data = disk.folder / "data"
        assert await refusal_of(data) == f"the disk of {data} has no room: No space left on device"


@pytest.mark.parametrize("free_kib", [0, 2_000])
async def test_a_start_whose_database_is_there_and_has_no_tables_yet(first_starts: FirstStarts, free_kib: int) -> None:
    """PostgreSQL either does not start, or ends while the tables are made."""
    with small_disk(200_000) as disk:
        data = disk.folder / "data"
        await first_starts.put(data)
        disk.leave(free_kib)
        said = await refusal_of(data)
        assert said.startswith(f"the disk of {data} has no room: ")
        assert said.endswith(" MiB free")


async def test_the_disk_of_another_postgresql_is_not_waited_for() -> None:
    async def work() -> None:
        raise Unavailable('postgresql: could not extend file "base/5/1": No space left on device')

    with pytest.raises(SetupError) as refused:
        await once_reachable(work)
    said = 'the disk of PostgreSQL has no room: could not extend file "base/5/1": No space left on device.'
    assert refused.value.message == f"{said} Free some space there."


async def test_the_doctor_advises_to_make_room(doctor: Doctor) -> None:
    embedded = Doctor({name: value for name, value in doctor.variables.items() if not name.endswith(("_DSN", "_URL"))})
    with small_disk(200_000) as disk:
        data = disk.folder / "data"
        disk.take_no_more_files()
        found = await embedded.examine(data=str(data))
    assert found["data directory"].detail == f"{disk.folder} is not writable: No space left on device"
    assert found["data directory"].advice.startswith("Free some space there, or name a directory on another disk")
    assert found["object store"].detail == f"{data}/objects cannot be created: No space left on device"
    assert found["object store"].advice == "Free some space on the disk that it writes to."
