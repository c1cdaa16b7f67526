"""Which directories an installation takes for its data, and of which it leaves the permissions alone."""

import errno
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.support.engines import reachable_directory
from tests.support.other_users import needs_root

from callmark.kit.engines.binaries import begun_copy
from callmark.kit.engines.data_directory import (
    DataDirectory,
    NothingRuns,
    RunningInstallation,
    read_installation,
    remove,
    write_private,
)
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import SetupError
from callmark.kit.object_store import files_of, try_store
from callmark.kit.secret_key import make_key
from callmark.kit.settings import read_settings


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    made.chmod(0o755)
    return made


def fill(place: Path, *names: str) -> None:
    """Makes folders for names that end with a slash, and files for the others."""
    for name in names:
        path = place / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "names",
    [
        ["holiday.jpg"],
        ["apt/", "dpkg/", "nats/"],  # /var/lib beside a NATS server
        ["nats/", "postgres/PG_VERSION"],  # /srv with the data of containers
        ["postgres/"],
        ["lock", "status"],  # /var/lib/dpkg
        ["secret-key", "postgres-dsn"],  # a folder of secrets
        ["lost+found/", "holiday.jpg"],
    ],
)
def test_somebody_elses_directory_keeps_its_permissions(place: Path, names: list[str]) -> None:
    fill(place, *names)
    with pytest.raises(SetupError, match="contains other files"):
        DataDirectory(place).prepare()
    assert mode(place) == 0o755
    assert not (place / "nats").exists() or mode(place / "nats") == 0o755


def test_a_link_called_lock_is_no_mark(place: Path) -> None:
    fill(place, "nats/", "../elsewhere")  # /var has a link of that name
    (place / "lock").symlink_to("../elsewhere")
    with pytest.raises(SetupError, match=r"contains other files \(lock, nats\)"):
        DataDirectory(place).prepare()


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["lost+found/"],  # a volume of its own
        [".snapshot/", "lost+found/", "secret-key"],
        ["lock"],  # a first start that was killed
        ["lock", "nats/", "logs/", "programs/"],
        ["lock", "nats/", "postgres/PG_VERSION", "what-the-operator-put-there"],
        ["secret-key", "secret-key.old", "objects/"],  # its engines were elsewhere
        ["postgres/PG_VERSION", "postgres-password", "secret-key"],  # a copy without its lock
    ],
)
def test_an_empty_directory_and_one_of_an_installation_are_taken(place: Path, names: list[str]) -> None:
    fill(place, *names)
    for _ in range(2):
        DataDirectory(place).prepare()
    assert mode(place) & 0o007 == 0
    assert (place / "lock").is_file()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"gr\xfcn", r"gr\\udcfcn' cannot be used: its name is not UTF-8"),
        (b"two\nlines", r"two\\nlines' cannot be used: its name has a line break"),
    ],
)
def test_a_name_that_the_engines_cannot_take_is_refused_before_anything_is_written(
    tmp_path: Path, name: bytes, why: str
) -> None:
    place = tmp_path / os.fsdecode(name)
    with pytest.raises(SetupError, match=why):
        DataDirectory(place).prepare()
    assert not place.exists()


def test_whatever_the_umask_a_private_file_is_for_its_owner(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        write_private(tmp_path / "secret", b"")
    finally:
        os.umask(before)
    assert mode(tmp_path / "secret") == 0o600


OTHER = 65534
"""The user `nobody`, who stands for the one that a service runs as."""


def everything(place: Path) -> dict[str, tuple[int, int, int]]:
    """Owner, group and mode of all that is there."""
    found = {path: path.lstat() for path in (place, *place.rglob("*"))}
    return {str(path.relative_to(place)): (one.st_uid, one.st_gid, one.st_mode) for path, one in found.items()}


@pytest.fixture
def of_a_service(place: Path) -> Path:
    """The data directory of a service that runs as another user."""
    fill(place, "lock", "nats/", "postgres/PG_VERSION", "postgres-password", "secret-key", "objects/")
    for path in (place, *place.rglob("*")):
        os.chown(path, OTHER, OTHER)
    place.chmod(0o710)
    return place


@needs_root
def test_root_takes_no_directory_from_the_user_who_works_in_it(of_a_service: Path) -> None:
    before = everything(of_a_service)
    with pytest.raises(SetupError, match=r"belongs to the user nobody; run this .*`runuser -u nobody -- callmark …`"):
        DataDirectory(of_a_service).prepare()
    assert everything(of_a_service) == before


@needs_root
def test_root_takes_an_empty_directory(place: Path) -> None:
    fill(place, "lost+found/")
    os.chown(place, OTHER, OTHER)
    DataDirectory(place).prepare()
    assert place.stat().st_uid == 0


@needs_root
def test_what_root_makes_in_the_directory_of_a_service_belongs_to_the_service(of_a_service: Path) -> None:
    (of_a_service / "objects").rmdir()
    settings = read_settings({}, data=of_a_service)
    make_key(of_a_service, "secret-key.next")
    files_of(settings)
    assert try_store(settings).is_whole
    there = everything(of_a_service)
    assert {"secret-key.next", "objects"} <= there.keys()
    assert {uid for uid, _, _ in there.values()} == {OTHER}


@needs_root
def test_an_installation_on_a_file_system_that_is_read_only_is_found(
    of_a_service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refused(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, flags, mode)

    data = DataDirectory(of_a_service)
    with data.lock():
        data.announce(
            RunningInstallation(pid=1, postgres_dsn="postgresql://x", nats_url="nats://y", base_url="http://z")
        )
        monkeypatch.setattr(os, "open", refused)
        assert read_installation(of_a_service).base_url == "http://z"
    with pytest.raises(NothingRuns):
        read_installation(of_a_service)


@pytest.mark.parametrize("kind", ["link", "full", "file"])
async def test_a_place_without_data_that_none_can_be_moved_to_is_refused_in_a_sentence(place: Path, kind: str) -> None:
    fill(place, "lock", "nats/", "elsewhere/")
    if kind == "link":
        (place / "postgres").symlink_to("elsewhere")
    else:
        fill(place, "postgres/lost+found/" if kind == "full" else "postgres")
    before = everything(place).keys()
    with pytest.raises(SetupError, match=r"postgres is .* and has no data of PostgreSQL \(PG_VERSION is missing\)"):
        await EmbeddedPostgres(place).start()
    assert everything(place).keys() - before <= {"logs", "programs"}


def ready(place: Path) -> Path:
    """Where its PostgreSQL would have its socket."""
    data = DataDirectory(place)
    data.prepare()
    return data.run_dir()


@pytest.mark.parametrize("part", ["run", "logs"])
def test_a_file_where_a_folder_belongs_is_named(part: str) -> None:
    place = reachable_directory()
    fill(place, "lock", "nats/", part)
    try:
        with pytest.raises(
            SetupError, match=f"the data directory {place} cannot be used: .*/{part} is not a directory"
        ):
            ready(place)
    finally:
        shutil.rmtree(place)


async def test_a_folder_where_the_version_of_the_data_belongs_is_named(place: Path) -> None:
    fill(place, "lock", "nats/", "postgres/PG_VERSION/")
    with pytest.raises(SetupError, match="PG_VERSION is damaged"):
        await EmbeddedPostgres(place).start()


@pytest.mark.parametrize("kind", ["link", "file", "folder"])
def test_what_a_killed_start_has_left_of_new_data_is_removed(place: Path, kind: str) -> None:
    fill(place, "elsewhere/kept")
    begun = place / "postgres.new"
    if kind == "link":
        begun.symlink_to("elsewhere")
    else:
        fill(place, "postgres.new" if kind == "file" else "postgres.new/base/1")
    remove(begun)
    assert everything(place).keys() == {".", "elsewhere", "elsewhere/kept"}


def test_what_a_killed_start_has_left_of_a_copy_is_removed(place: Path) -> None:
    dead = subprocess.Popen(["/bin/true"])
    dead.wait()
    fill(place, "program", f"nats-x/program.{dead.pid}", "nats-x/program.1", "nats-x/program.json")
    (place / "program").write_text("#!/bin/sh\n")
    begun_copy(place / "nats-x/program")
    assert {path.name for path in (place / "nats-x").iterdir()} == {"program.1", "program.json"}
