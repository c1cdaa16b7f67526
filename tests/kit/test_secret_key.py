"""The installation's secret key: made once, private, told apart."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callmark.kit.errors import SetupError
from callmark.kit.secret_key import (
    FILE,
    NEXT_FILE,
    OLD_FILE,
    current_key,
    derive,
    make_key,
    mark,
    read_key,
    settle_key,
)
from callmark.kit.settings import Secret, read_settings


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert read_key(data) is None
    with ThreadPoolExecutor(8) as threads:
        keys = {key.reveal() for key in threads.map(make_key, [data] * 32)}
    (key,) = keys
    assert len(key) >= 32
    found = read_key(data)
    assert found is not None
    assert found.reveal() == key
    assert [entry.name for entry in data.iterdir()] == [FILE]
    assert (data / FILE).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY"):
        make_key(tmp_path / "file" / "data")


@pytest.mark.parametrize("content", [b"", b" \n", b"half-a-key", b"\xff\xfe"])
def test_a_file_that_is_empty_or_cut_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SetupError, match="empty or cut"):
        current_key(read_settings({}, data=tmp_path), None)


@pytest.mark.parametrize("name", [FILE, NEXT_FILE, OLD_FILE])
def test_a_key_that_is_set_takes_the_place_of_files_that_are_no_use(tmp_path: Path, name: str) -> None:
    (tmp_path / FILE).write_text("half-a-key")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()  # cannot be read, also not by root
    key = Secret("a" * 32)
    settings = read_settings({"CALLMARK_SECRET_KEY": key.reveal()}, data=tmp_path)
    assert current_key(settings, mark(key)).reveal() == key.reveal()
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY"):
        current_key(settings, mark(Secret("b" * 32)))
    with pytest.raises(SetupError, match="set CALLMARK_SECRET_KEY"):
        current_key(read_settings({}, data=tmp_path), None)


def test_each_purpose_has_a_key_of_its_own() -> None:
    key = Secret("a" * 32)
    assert derive(key, "links") == derive(key, "links")
    assert len({derive(key, "links"), derive(key, "webhook secrets")}) == 2
    assert len(derive(key, "links")) == 32


def test_a_mark_tells_keys_apart() -> None:
    assert mark(Secret("a" * 32)) == mark(Secret("a" * 32)) != mark(Secret("b" * 32))


def test_without_a_key_what_needs_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY"):
        current_key(read_settings({}, data=tmp_path), None)


def test_the_key_in_use_is_the_one_that_the_database_names_wherever_it_lies(tmp_path: Path) -> None:
    first, second = make_key(tmp_path), make_key(tmp_path, NEXT_FILE)
    settings = read_settings({}, data=tmp_path)
    for key in (first, second):
        assert current_key(settings, mark(key)).reveal() == key.reveal()
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY"):
        current_key(settings, mark(Secret("c" * 32)))


def test_a_new_key_takes_its_place_and_the_old_one_is_kept_also_after_an_interruption(tmp_path: Path) -> None:
    first, second = make_key(tmp_path), make_key(tmp_path, NEXT_FILE)
    (tmp_path / OLD_FILE).hardlink_to(tmp_path / FILE)  # as far as a run before got, that was killed
    for _ in range(2):
        settle_key(tmp_path)
        assert (tmp_path / FILE).read_text() == second.reveal()
        assert (tmp_path / OLD_FILE).read_text() == first.reveal()
        assert sorted(entry.name for entry in tmp_path.iterdir()) == [FILE, OLD_FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_new_key_takes_the_place_of_one_that_is_no_text(tmp_path: Path) -> None:
    random = b"\xff\0\x80" * 20
    (tmp_path / FILE).write_bytes(random)
    assert current_key(read_settings({}, data=tmp_path), None)
    second = make_key(tmp_path, NEXT_FILE)
    settle_key(tmp_path)
    assert (tmp_path / FILE).read_text() == second.reveal()
    assert (tmp_path / OLD_FILE).read_bytes() == random


def test_a_short_key_and_a_wrong_network_stop_the_start() -> None:
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY is too short"):
        read_settings({"CALLMARK_SECRET_KEY": "a" * 31})
    with pytest.raises(SetupError, match="CALLMARK_OUTGOING_NETWORKS"):
        read_settings({"CALLMARK_OUTGOING_NETWORKS": "10.0.0.1/8"})
