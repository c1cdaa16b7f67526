"""The operator's page of the documentation against the commands there are."""

import re
from pathlib import Path

import click
import pytest

from callmark.main import OPERATOR_COMMANDS, PLATFORM_COMMANDS, cli

PAGE = (Path(__file__).parents[3] / "docs/operator-commands.md").read_text()
CONTEXT = click.Context(cli)
COMMANDS = {name: cli.get_command(CONTEXT, name) for name in OPERATOR_COMMANDS | PLATFORM_COMMANDS}
GROUPS = {name: command for name, command in COMMANDS.items() if isinstance(command, click.Group)}
"""Every command that has commands of its own: none can be forgotten here."""


def commands_of(group: click.Group) -> dict[str, click.Command]:
    """Every command of a group and of the groups in it, by its words."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {words}": inner for words, inner in commands_of(command).items()}
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("name", GROUPS)
def test_the_page_has_every_command_and_only_options_that_exist(name: str) -> None:
    known = commands_of(GROUPS[name])
    examples: list[str] = re.findall(rf"^\| `callmark {name} ([^`]+)`", PAGE, re.MULTILINE)
    told = {
        example: next((words for words in known if f"{example} ".startswith(f"{words} ")), "") for example in examples
    }
    assert set(told.values()) == set(known)
    for example, words in told.items():
        options = {option for parameter in known[words].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", example)) <= options
