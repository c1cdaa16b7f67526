"""The page of the client commands against the commands there are, and its examples as they are printed."""

import os
import re
import subprocess
from pathlib import Path

import anyio.to_thread
import click
import pytest
from tests.client.cli.conftest import PROGRAM, Commands, working
from tests.client.conftest import Platform

from callmark.main import CLIENT_COMMANDS, OPERATOR_COMMANDS, PLATFORM_COMMANDS, cli

PAGE = (Path(__file__).parents[3] / "docs/client-commands.md").read_text()
CONTEXT = click.Context(cli)
DEMO_CREDENTIALS = "/var/lib/callmark-demo/demo-credentials.env"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands_of(name: str) -> dict[str, click.Command]:
    """A command, or those of its group, by their words."""
    found = cli.get_command(CONTEXT, name)
    assert found
    if isinstance(found, click.Group):
        return {f"{name} {inner}": command for inner, command in found.commands.items()}
    return {name: found}


KNOWN = {words: command for name in CLIENT_COMMANDS for words, command in commands_of(name).items()}


@pytest.mark.parametrize("words", KNOWN)
def test_the_page_has_every_command_and_its_options(words: str) -> None:
    assert f"`callmark {words}" in PAGE
    for parameter in KNOWN[words].params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[0]}" in PAGE, parameter.opts


def test_every_option_of_the_page_exists() -> None:
    options = {option for command in KNOWN.values() for one in command.params for option in one.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--help"} <= options


def test_the_page_says_what_each_command_prints_as_json() -> None:
    table = PAGE[PAGE.index("## What `--json` prints") : PAGE.index("## Completion")]
    first = "".join(re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE))
    told = re.findall(r"`([a-z -]+)`", first)
    printing = {words for words, command in KNOWN.items() if any("--json" in one.opts for one in command.params)}
    assert {words for words in printing if not any(f"{words} ".startswith(f"{one} ") for one in told)} == set()


def test_help_tells_the_commands_of_clients_and_operators_apart() -> None:
    told = cli.get_help(CONTEXT)
    places = [told.index(heading) for heading in ("Client commands", "Run the platform", "Operator commands")]
    assert places == sorted(places)
    for entries, (begin, stop) in zip(
        (CLIENT_COMMANDS, PLATFORM_COMMANDS, OPERATOR_COMMANDS),
        zip(places, [*places[1:], len(told)], strict=True),
        strict=True,
    ):
        assert re.findall(r"^  ([a-z-]+)", told[begin:stop], re.MULTILINE) == list(entries)


async def test_the_examples_run_as_they_are_printed(platform: Platform, nobody: Commands) -> None:
    options = platform.options
    typed = "\n".join(options.values())
    program = "\n".join(EXAMPLES).replace(
        "callmark login --profile", f"printf '%s' '{typed}' | callmark login --profile"
    )
    program = re.sub(r"^callmark login$", f"printf '%s' '{typed}' | callmark login", program, flags=re.MULTILINE)
    credentials = nobody.home / "demo-credentials.env"
    credentials.write_text("".join(f"export CALLMARK_{name.upper()}={value}\n" for name, value in options.items()))
    for printed, here in ((".venv/bin", Path(PROGRAM).parent), (DEMO_CREDENTIALS, credentials)):
        assert f". {printed}" in program
        program = program.replace(f". {printed}", f". {here}")
    variables = {"PATH": os.environ["PATH"], "HOME": str(nobody.home)}

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", program],
            env=variables,
            cwd=nobody.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    async with working(platform):
        done = await anyio.to_thread.run_sync(run)
    assert done.returncode == 0, done.stderr
    assert str(platform.cast.label.id) in done.stdout
    assert "shows" in done.stdout
