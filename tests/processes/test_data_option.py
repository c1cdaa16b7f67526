"""The data directory of the commands that run the platform: `--data`, and `CALLMARK_DATA`."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from callmark.main import cli

COMMANDS = ["serve", "migrate", "doctor", "backup x.tar", "restore x", "secret-key rotate", "installation show"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_is_refused_as_the_data_directory(command: str, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    result = CliRunner().invoke(cli, [*command.split(), "--data", str(file)])
    assert result.exit_code == 2
    assert f"Invalid value for '--data': Directory '{file}' is a file." in result.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "account list", "demo"])
def test_an_empty_path_is_not_the_working_directory(command: str) -> None:
    result = CliRunner().invoke(cli, [*command.split(), "--data", ""])
    assert (result.exit_code, "Invalid value for '--data': it is empty" in result.stderr) == (2, True)


_ID = "01a21857-44fb-7738-8f0f-990b3d2c6502"


@pytest.mark.parametrize("below", ["", "x"])
@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        *((one, 1) for one in ("serve", "migrate", "backup x.tar", "secret-key rotate", "account list")),
        *((one, 2) for one in ("audit verify", "retention", f"webhook test {_ID} --account {_ID}")),
    ],
)
def test_a_file_in_the_environment_is_refused_and_so_is_a_path_below_one(
    command: str, exit_code: int, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By 1, some commands say what they found: 2 is no forgery of the audit log."""
    file = tmp_path / "data"
    file.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLMARK_DATA", str(file / below))
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == exit_code
    assert result.stderr == (
        f"Error: the data directory {file / below} cannot be used: {file} is not a directory; name another with --data"
        " (CALLMARK_DATA)\n"
    )


@pytest.mark.parametrize("command", ["serve", "backup x.tar", "secret-key rotate", "account list", "doctor"])
def test_a_path_where_nothing_can_ever_be_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the engines are elsewhere, for it is handed down to each process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLMARK_POSTGRES_DSN", "postgresql://callmark@127.0.0.1:1/callmark")
    monkeypatch.setenv("CALLMARK_NATS_URL", "nats://127.0.0.1:1")
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    for data, why in (
        ("one", "Too many levels of symbolic links"),
        ("one/x", "Too many levels of symbolic links"),
        ("n" * 300, "File name too long"),
        ("~nobody-of-this-name/x", "~nobody-of-this-name is nobody's home directory"),
        (os.fsdecode(b"gr\xfcn"), "CALLMARK_DATA is invalid: it is not UTF-8"),
    ):
        result = CliRunner().invoke(cli, [*command.split(), "--data", data])
        assert (result.exit_code, why in result.output) == (1, True), result.output


@pytest.mark.parametrize("below", ["", "x"])
def test_the_doctor_finds_that_the_data_directory_is_a_file(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data"
    file.touch()
    monkeypatch.setenv("CALLMARK_DATA", str(file / below))
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 1
    assert f"{file} is not writable: Not a directory" in result.stdout


def test_the_doctor_finds_once_that_no_engine_takes_the_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--data", str(tmp_path / "two\nlines")])
    assert result.exit_code == 1
    assert [line.partition(": ")[0] for line in result.stdout.splitlines() if "line break" in line] == [
        "problem  data directory"
    ]
