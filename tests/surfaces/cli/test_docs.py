"""The operator's page of the documentation against the commands there are."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs/operator-commands.md").read_text()
GROUPS = ("account", "member", "key", "label", "webhook", "handset-app", "record")


@pytest.mark.parametrize("name", GROUPS)
def test_the_page_has_every_command_and_only_options_that_exist(name: str) -> None:
    group = import_module(f"callmark.surfaces.cli.{name.replace('-', '_')}").group
    examples: list[str] = re.findall(rf"^\| `callmark {name} ([^`]+)`", PAGE, re.MULTILINE)
    assert {example.split()[0] for example in examples} == set(group.commands)
    for example in examples:
        command = group.commands[example.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", example)) <= known
