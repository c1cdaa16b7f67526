"""Questions of commands, and what cannot be meant: exit code 1 says that everything was sent, so none ends with it."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.client.cli.conftest import KEY_OF_NOBODY, Commands
from tests.client.cli.record_files import orders
from tests.client.conftest import Platform

from callmark.client.cli.session import INTERRUPTED, WrongUse

END_OF_INPUT, CTRL_C = "\x04", ""


@pytest.fixture
def unreachable(nobody: Commands) -> Commands:
    """A user whose platform does not answer: what asks it anything ends with 4."""
    return Commands(nobody.home, {**nobody.variables, **KEY_OF_NOBODY})


def results_in(path: Path) -> list[Path]:
    return list(path.glob("*results*"))


async def test_a_push_that_nobody_can_agree_to_ends_before_it_reads_or_asks_anything(
    unreachable: Commands, tmp_path: Path
) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    words = ("push", file, "--label-id", "x", "--caller", "918040001234", "--expires-in", "2h")
    for more in ((), ("--resume",)):
        done = await unreachable.run(*words, *more)
        assert (done.exit_code, done.stdout) == (WrongUse.exit_code, "")
        assert "nobody can be asked here; give --yes" in done.stderr
        assert "receiver   column" not in done.stderr
    assert results_in(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("push", "FILE", "--yes", "--label-id", "\udcff"), "--label-id"),
        (("lint", "FILE", "--map", "a=receiver", "--map", "\udcff=caller"), "--map"),
        (("batches", "show", "\udcff"), "'ID' has bytes"),
        (("labels", "list", "--base-url", "http://a\udcff"), "--base-url"),
        (("trigger", "feedback", "--emulator-token", "\udcff"), "--emulator-token"),
        (("trigger", "feedback", "--emulator-token", "\u00f6"), "--emulator-token"),
    ],
)
async def test_an_argument_of_bytes_that_are_no_utf_8_is_wrong_use(
    unreachable: Commands, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    """As quotes are that were copied from a page in Latin-1. The name of a file may have any bytes."""
    file = orders(tmp_path / "orders-\udcff.csv", 3)
    done = await unreachable.run(*(file if word == "FILE" else word for word in words))
    assert (done.exit_code, named in done.stderr) == (WrongUse.exit_code, True), done.stderr
    assert results_in(tmp_path) == []
    assert (await unreachable.run("lint", file, "--label-id", "x")).stdout


async def test_a_token_out_of_a_file_is_read_without_its_line_break(unreachable: Commands) -> None:
    here = Commands(unreachable.home, {**unreachable.variables, "EMULATOR_TOKEN": "t0ken\r\n"})
    assert (await here.run("trigger", "feedback", "--caller", "918040001234")).exit_code == 4


@pytest.mark.parametrize(
    "words",
    [
        ("labels", "list", "--profile", ""),
        ("labels", "list", "--base-url", ""),
        ("feature-sets", "list", "--department", ""),
        ("numbers", "list", "--feature-set", ""),
        ("batches", "show", ""),
        ("push", "FILE", "--yes", "--label-id", ""),
        ("push", "FILE", "--yes", "--results", ""),
        ("push", "FILE", "--yes", "--results", "-"),
        ("push", "FILE", "--yes", "--results", "/dev/null"),
        ("push", "FILE", "--resume", "--results", "/dev/stdout"),
        ("export-config", "-o", "/dev/null", "--force"),
    ],
)
async def test_what_is_given_empty_or_is_no_file_is_not_left_out(
    unreachable: Commands, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """As a shell gives a variable that is not set: it means one profile, some numbers, and not all."""
    file = orders(tmp_path / "orders.csv", 3)
    done = await unreachable.run(*(file if word == "FILE" else word for word in words))
    assert (done.exit_code, done.stdout) == (WrongUse.exit_code, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith("Error: Invalid value for"), said
    assert said.endswith(("it is empty: is a variable of the shell not set?", "is no file: name one")), said


@pytest.mark.parametrize(
    ("typed", "exit_code", "said"),
    [
        ("n\n", WrongUse.exit_code, "Aborted!"),
        (END_OF_INPUT, WrongUse.exit_code, "Aborted!"),
        (CTRL_C, INTERRUPTED, "Interrupted."),
    ],
)
async def test_a_question_that_is_not_answered_with_yes(
    unreachable: Commands, tmp_path: Path, typed: str, exit_code: int, said: str
) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text("918040001234\n")
    async with unreachable.at_terminal("numbers", "delist", "set", file) as person:
        await person.asked("Delist 1 numbers? [y/N]:")
        if typed:
            person.types(typed)
        else:
            await person.presses_ctrl_c()
        assert await person.ended() == (exit_code, "")
    assert person.said.endswith(f"{said}\n")


async def test_ctrl_c_at_the_preview_of_a_push(platform: Platform, commands: Commands, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    options = ("--label-id", platform.cast.label.id, "--caller", "918040001234", "--expires-in", "2h")
    async with commands.at_terminal("push", file, *options) as person:
        await person.asked("Push 3 records")
        await person.presses_ctrl_c()
        assert await person.ended() == (INTERRUPTED, "")
    assert person.said.endswith("\nInterrupted.\n")
    assert await platform.count("batch") == 0
    assert results_in(tmp_path) == []


async def test_a_login_whose_input_ends_or_is_interrupted(nobody: Commands) -> None:
    done = await nobody.run("login", "--base-url", "http://callmark.test", typed="account\n")
    assert (done.exit_code, done.stdout) == (WrongUse.exit_code, "")
    assert done.stderr.endswith("\nError: standard input ended before the answer, and nobody can be asked here\n")
    async with nobody.at_terminal("login") as person:
        await person.asked("Base URL:")
        await person.presses_ctrl_c()
        assert await person.ended() == (INTERRUPTED, "")


_INTERRUPTED_EARLY = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from callmark.main import cli

class Interrupts:
    def __init__(self, at):
        self.at = at

    def find_spec(self, name, *_):
        if name == self.at:
            signal.raise_signal(signal.SIGINT)

for line in sys.argv[1:]:
    module, *words = line.split()
    if not os.fork():
        sys.meta_path.insert(0, Interrupts(module))
        cli(words)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_ctrl_c_before_a_command_has_begun_is_no_exit_code_of_it() -> None:
    """While it is imported, and while it is looked for how to reach the platform; operators' commands too."""
    lines = [
        "callmark.client.cli.push push orders.csv --yes",
        "callmark.client.making labels list",
        "callmark.surfaces.cli.audit audit verify",
        "callmark.processes.compose account list",
    ]
    program = [sys.executable, "-c", _INTERRUPTED_EARLY, *lines]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(INTERRUPTED)] * len(lines)
    assert done.stderr == "Interrupted.\n" * len(lines)
