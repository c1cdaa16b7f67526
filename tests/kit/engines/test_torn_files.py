"""What a power failure or a full disk leaves of the data directory's files: made again, or an error that says more."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.engines import reachable_directory

from callmark.kit.engines.data_directory import DataDirectory, write_private
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres, data_version
from callmark.kit.errors import SetupError

TORN = [b"", bytes(32), b'{"port": 42', b"{}", b"[]", b'{"port": "none"}']


@pytest.fixture
def directory() -> Generator[Path]:
    path = reachable_directory() / "data"
    path.mkdir()
    (path / "lock").touch()
    yield path
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("content", TORN)
async def test_a_configuration_of_nats_that_is_torn_is_made_again(directory: Path, content: bytes) -> None:
    (directory / "nats").mkdir()
    (directory / "nats/nats.conf").write_bytes(content)
    nats = EmbeddedNats(directory)
    async with nats as url:
        (directory / "nats/nats.conf").write_bytes(content)
    async with nats as again:  # processes that run have its address and password
        assert again == url
        shutil.rmtree(directory / "nats")
    async with nats as again:
        assert again == url
    async with EmbeddedNats(directory) as again:
        assert again == url


async def test_a_password_that_is_torn_is_named_with_what_to_do(directory: Path) -> None:
    DataDirectory(directory).prepare()
    password = directory / "postgres-password"
    password.touch()  # of a first start that came no further
    async with EmbeddedPostgres(directory, durable=False):
        kept = password.read_bytes()
        assert len(kept) == 32
    for content in (b"", bytes(32)):
        password.write_bytes(content)
        with pytest.raises(SetupError, match=r"postgres-password is empty or gone\. Put the file back"):
            await EmbeddedPostgres(directory, durable=False).start()
        assert password.read_bytes() == content
    engine = EmbeddedPostgres(directory, durable=False)
    for content in (kept[:9], b"\xff\xfe"):
        password.write_bytes(content)
        with pytest.raises(SetupError, match=r"rejects the password .* Put the file back"):
            await engine.start()
        await engine.stop()
    password.write_bytes(kept + b"\n")  # as an editor does
    async with EmbeddedPostgres(directory, durable=False):
        pass


def test_a_version_that_is_torn_is_not_taken_for_no_data(directory: Path) -> None:
    (directory / "PG_VERSION").touch()
    with pytest.raises(SetupError, match="PG_VERSION is damaged"):
        data_version(directory)


def test_a_private_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        forced.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, (tmp_path / "kept").exists()))

    monkeypatch.setattr(os, "fsync", note)
    write_private(tmp_path / "kept", b"content")
    assert forced == [(f".kept.{os.getpid()}", False), (tmp_path.name, True)]
