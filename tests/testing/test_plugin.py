"""The pytest plugin where it is merely installed."""

import runpy
import sys

import pytest

from callmark.testing import plugin


def test_it_is_read_on_systems_without_file_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no fcntl, and every run of pytest there reads the plugin of what is installed."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert plugin.__file__
    assert "callmark_emulator" in runpy.run_path(plugin.__file__)
