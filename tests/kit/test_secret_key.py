"""The installation's secret key: made once, private, told apart."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callmark.kit.errors import SetupError
from callmark.kit.secret_key import FILE, derived, make_key, mark, read_key
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


def test_each_purpose_has_a_key_of_its_own() -> None:
    settings = read_settings({}, secret_key="a" * 32)
    assert derived(settings, "links") == derived(settings, "links")
    assert len({derived(settings, "links"), derived(settings, "webhook secrets")}) == 2
    assert len(derived(settings, "links")) == 32


def test_a_mark_tells_keys_apart() -> None:
    assert mark(Secret("a" * 32)) == mark(Secret("a" * 32)) != mark(Secret("b" * 32))


def test_without_a_key_what_needs_it_says_so() -> None:
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY"):
        derived(read_settings({}), "links")


def test_a_short_key_and_a_wrong_network_stop_the_start() -> None:
    with pytest.raises(SetupError, match="CALLMARK_SECRET_KEY is too short"):
        read_settings({"CALLMARK_SECRET_KEY": "a" * 31})
    with pytest.raises(SetupError, match="CALLMARK_OUTGOING_NETWORKS"):
        read_settings({"CALLMARK_OUTGOING_NETWORKS": "10.0.0.1/8"})
