"""The operator's page of the documentation against the commands there are."""

import ast
import re
from pathlib import Path

import click
import pytest
from tests.support.cases import for_each

from callmark.main import OPERATOR_COMMANDS, PLATFORM_COMMANDS, cli
from callmark.surfaces import cli as surface

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


def keys_of(module: Path) -> set[str]:
    """Keys of what its functions print as JSON; those of lines for people are left out by the function's name."""
    every = list(ast.walk(ast.parse(module.read_text())))
    functions = [one for one in every if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    printed = [inner for one in functions if "line" not in one.name for inner in ast.walk(one)]
    keys = [key for one in printed if isinstance(one, ast.Dict) for key in one.keys]
    return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


@for_each(sorted(Path(surface.__file__).parent.glob("[a-z]*.py")))
def test_the_page_names_every_key_of_the_json(module: Path) -> None:
    assert keys_of(module) - set(re.findall(r"`(\w+)`", PAGE)) == set(), module.name
