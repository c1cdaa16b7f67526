"""The settings of `callmark demo`: its own, unless they are given."""

from pathlib import Path

import pytest

from callmark.processes.demo.command import demo_settings


@pytest.mark.parametrize(("given", "size"), [(None, 4), ("10", 10), ("6", 6)])
def test_a_demo_has_few_connections_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None, size: int
) -> None:
    monkeypatch.delenv("CALLMARK_POOL_SIZE", raising=False)
    if given:
        monkeypatch.setenv("CALLMARK_POOL_SIZE", given)
    assert demo_settings(0, tmp_path).pool_size == size
