"""The settings of `callmark demo`: its own, unless they are given; and the command that it offers for them."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from callmark.processes.demo.command import command_line, demo_settings


@pytest.mark.parametrize(("given", "size"), [(None, 4), ("10", 10), ("6", 6)])
def test_a_demo_has_few_connections_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None, size: int
) -> None:
    monkeypatch.delenv("CALLMARK_POOL_SIZE", raising=False)
    if given:
        monkeypatch.setenv("CALLMARK_POOL_SIZE", given)
    assert demo_settings(0, tmp_path).pool_size == size


@pytest.mark.parametrize("program", [str(Path(sys.executable).with_name("callmark")), "/src/callmark/__main__.py"])
def test_the_command_that_it_offers_can_be_pasted_in_another_directory(tmp_path: Path, program: str) -> None:
    data = tmp_path / "it's of a demo"
    line = command_line(program, data)
    ran = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.stderr.startswith(f"Error: no running installation at {data}; ")


def test_a_program_is_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shlex.split(command_line(".venv/bin/callmark", Path("/data")))[0] == f"{tmp_path}/.venv/bin/callmark"
