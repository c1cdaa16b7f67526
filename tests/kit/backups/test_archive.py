"""The file of a backup: whole or not there, private, and refused when one bit of it is not as written."""

import os
import resource
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callmark.kit.backups.archive import DUMP, MANIFEST, SUMS, new_archive, read_archive
from callmark.kit.backups.manifest import FORMAT, Manifest
from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id

CONTENT = os.urandom(3 << 20)
TAKEN = Manifest(
    callmark="1.2.3",
    schema=21,
    migrations=list(range(1, 22)),
    installation=new_id(),
    taken_at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
    clock_offset_s=0.0,
    postgres=18,
    pg_dump=18,
    namespace="public",
    database_bytes=4 << 20,
    secret_key_mark="00" * 8,
    rows={"call_record": 7},
)


def written(path: Path, manifest: Manifest = TAKEN) -> Path:
    with new_archive(path) as archive:
        archive.write(CONTENT[:1000])
        archive.write(CONTENT[1000:])
        archive.finish(manifest)
    return path


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return written(tmp_path / "callmark.tar")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def member(path: Path, name: str) -> tarfile.TarInfo:
    with tarfile.open(path) as archive:
        return archive.getmember(name)


def test_it_gives_back_what_was_written_and_is_private(backup: Path) -> None:
    seen: list[int] = []
    archive = read_archive(backup, seen.append)
    with archive.dump() as pieces:
        assert b"".join(pieces) == CONTENT
    assert archive.manifest == TAKEN
    assert sum(seen) == len(CONTENT) + member(backup, MANIFEST).size
    assert backup.stat().st_mode & 0o777 == 0o600
    assert names(backup.parent) == [backup.name]


def test_tar_and_sha256sum_read_it(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    subprocess.run(["/bin/tar", "xf", backup, "-C", tmp_path / "out"], check=True)
    subprocess.run(["/usr/bin/sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=tmp_path / "out", check=True)


@pytest.mark.parametrize("name", [DUMP, MANIFEST, SUMS])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.999])
def test_one_wrong_bit_is_refused(backup: Path, name: str, where: float) -> None:
    there = member(backup, name)
    content = bytearray(backup.read_bytes())
    content[there.offset_data + int(there.size * where)] ^= 1
    backup.write_bytes(content)
    with pytest.raises(SetupError, match=r"callmark\.tar is damaged"):
        read_archive(backup)


@pytest.mark.parametrize("name", [DUMP, MANIFEST, SUMS])
def test_one_that_is_cut_is_refused(backup: Path, name: str) -> None:
    there = member(backup, name)
    content = backup.read_bytes()
    for end in (there.offset, there.offset + 100, there.offset_data, there.offset_data + there.size // 2):
        backup.write_bytes(content[:end])
        with pytest.raises(SetupError, match=r"callmark\.tar is damaged"):
            read_archive(backup)


@pytest.mark.parametrize("content", [b"", b"PGDMP\0\1", bytes(10_240)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(SetupError, match="not a backup"):
        read_archive(tmp_path / "other")


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    newer = written(tmp_path / "newer.tar", msgspec.structs.replace(TAKEN, format=FORMAT + 1))
    with pytest.raises(SetupError, match=f"format {FORMAT + 1}.*Update Callmark"):
        read_archive(newer)


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.tar cannot be read: No such file"):
        read_archive(tmp_path / "nowhere.tar")


def test_a_backup_is_never_overwritten(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(SetupError, match="already exists"), new_archive(backup):
        pytest.fail("it began")
    assert backup.read_bytes() == before


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_archive(tmp_path / "callmark.tar") as archive:
        archive.write(bytes(1 // 0))
    assert names(tmp_path) == []


def test_what_a_killed_one_left_is_removed_by_the_next_and_one_under_way_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".callmark-1.tar.callmark-partial"
    left.write_bytes(b"half")
    with new_archive(tmp_path / "callmark-2.tar") as two:
        assert not left.exists()
        written(tmp_path / "callmark-3.tar")
        two.finish(TAKEN)
    assert names(tmp_path) == ["callmark-2.tar", "callmark-3.tar"]


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(SetupError, match=r"callmark\.tar cannot be written: File too large\. Nothing is left"):
            written(tmp_path / "callmark.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"missing/callmark\.tar cannot be written: No such file or directory"):
        written(tmp_path / "missing/callmark.tar")


def test_a_folder_that_may_not_be_written_to_is_named() -> None:
    with pytest.raises(SetupError, match=r"cannot be written: (Permission denied|No such file or directory)"):
        written(Path("/proc/callmark.tar"))
