"""A Python that leaves out docstrings is refused in one sentence: help and documents would lack their texts."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("words", [["serve"], ["account", "list"], ["push", "--help"]], ids=" ".join)
def test_every_command_is_refused(words: list[str]) -> None:
    ended = _run("-OO", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "Error: Python was started with -OO or PYTHONOPTIMIZE=2, which leaves out the texts of help and API"
        " documentation; start it without (-O and PYTHONOPTIMIZE=1 do no harm)\n"
    )


def test_without_assertions_there_are_texts() -> None:
    assert "Run the platform until SIGTERM or Ctrl-C." in _run("-O", "serve", "--help").stdout


def _run(option: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, option, "-m", "callmark", *words], capture_output=True, text=True, check=False
    )
