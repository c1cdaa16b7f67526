"""Types of the values that options of commands take, and names of commands that are misspelt."""

import pytest
from click.testing import CliRunner

from callmark.main import cli

ID = "019f0000-0000-7000-8000-000000000000"
_COMMANDS = {
    ("account", "create", "--name", "Acme", "--features"): "call_personalisation, number_management",
    ("key", "create", "--account", ID, "--name", "Sync", "--features"): "call_personalisation, number_management",
    ("webhook", "update", ID, "--account", ID, "--events"): "cmb, user_feedback",
    ("campaign", "update", ID, "--account", ID, "--calls"): "answered, missed",
}


@pytest.mark.parametrize(("words", "first"), _COMMANDS.items())
def test_a_wrong_name_in_a_list_is_named_and_so_are_those_that_exist(words: tuple[str, ...], first: str) -> None:
    right = first.split(",", maxsplit=1)[0]
    result = CliRunner().invoke(cli, [*words, f"{right}, sms"])
    assert result.exit_code == 2
    assert f"'sms' is not one of {first}" in result.stderr


@pytest.mark.parametrize("name", ["--search", "--after"])
def test_an_empty_filter_does_not_list_everything(name: str) -> None:
    result = CliRunner().invoke(cli, ["number", "list", "--account", ID, name, ""])
    assert (result.exit_code, f"Invalid value for '{name}': it is empty" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("acount", "No such command 'acount'. Did you mean 'account'?"),
        ("lables", "No such command 'lables'. Did you mean 'labels' or 'label'?"),
        ("qqq", "No such command 'qqq'."),
        ("-q", "No such option '-q'."),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest_names(typed: str, said: str) -> None:
    result = CliRunner().invoke(cli, [typed, "list"])
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {said}")
