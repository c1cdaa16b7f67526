"""Commands of features that an account's plan lacks (contract D49)."""

from collections.abc import Generator, Iterator

import click
import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.surfaces.cli.running import Here

from callmark.kit.ids import random_uuid
from callmark.kit.settings import read_settings
from callmark.main import OPERATOR_COMMANDS, cli
from callmark.surfaces.cli.command import FeatureGroup

IN_EVERY_PLAN = {"member", "key", "label", "structure", "webhook", "stir"}
"""Groups with commands about an account that are part of no feature. A new group is one of them or a `FeatureGroup`."""
_COMMANDS = {name: cli.get_command(click.Context(cli), name) for name in OPERATOR_COMMANDS}
_GROUPS = {name: group for name, group in _COMMANDS.items() if isinstance(group, click.Group)}
_FEATURE_GROUPS = {name: group for name, group in _GROUPS.items() if isinstance(group, FeatureGroup)}


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


def test_a_group_with_commands_about_an_account_is_part_of_a_feature_or_of_every_plan() -> None:
    about = {name for name, group in _GROUPS.items() if [*_about_an_account(group, [name])]}
    assert about == _FEATURE_GROUPS.keys() | IN_EVERY_PLAN


@pytest.mark.parametrize("name", _FEATURE_GROUPS)
def test_every_command_about_an_account_is_refused_without_its_feature(here: Here, name: str) -> None:
    account = here.json("account", "create", "--name", "Acme", "--features", "none")["client_account_id"]
    for words, command in _about_an_account(_FEATURE_GROUPS[name], [name]):
        args = [*words]
        for parameter in command.params:
            if parameter.required:
                value = account if parameter.name == "account" else _value(parameter)
                args += [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]
        assert "is not part of your plan" in here.error(*args), args


def _about_an_account(group: click.Group, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    """The group's commands that want an account, those of groups in it too, each with the words before its options."""
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from _about_an_account(one, [*words, name])
        elif any(p.name == "account" and p.required for p in one.params):
            yield [*words, name], one


def _value(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(next(iter(parameter.type.choices)))
    if isinstance(parameter.type, click.Path | click.File):
        return __file__
    if parameter.type is click.UUID:
        return str(random_uuid())
    return "918040001234"
