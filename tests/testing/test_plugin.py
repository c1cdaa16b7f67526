"""The pytest plugin where it is merely installed."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from callmark.testing import EmulatorError, plugin


def parts() -> dict[str, Any]:
    """What the plugin has, read anew."""
    assert plugin.__file__
    return runpy.run_path(plugin.__file__)


def test_it_is_read_on_systems_without_file_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no fcntl, and every run of pytest there reads the plugin of what is installed."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    read = parts()
    assert "callmark_emulator" in read
    with read["_alone"]("http://127.0.0.1:8700"):
        pass  # nobody else can be kept out there


def test_credentials_are_where_the_demo_of_this_user_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no numbers of users. A HOME that is no full path would name another file in each directory."""
    monkeypatch.delenv("CALLMARK_EMULATOR_CREDENTIALS", raising=False)
    monkeypatch.delattr("os.geteuid")
    monkeypatch.setenv("HOME", "/home/alice")
    assert parts()["_credentials"]() == Path("/home/alice/.local/share/callmark-demo/demo-credentials.json")
    for none in ("", "alice"):
        monkeypatch.setenv("HOME", none)
        with pytest.raises(EmulatorError, match=r"no home directory.*CALLMARK_EMULATOR_CREDENTIALS"):
            parts()["_credentials"]()
