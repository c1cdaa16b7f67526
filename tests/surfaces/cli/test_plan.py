"""Commands of features that an account's plan lacks (contract D49)."""

from collections.abc import Generator, Iterator
from importlib import import_module

import click
import pytest
from tests.engines import SECRET_KEY, Engines
from tests.surfaces.cli.test_operator_commands import Here

from callmark.kit.ids import random_uuid
from callmark.kit.settings import read_settings
from callmark.surfaces.cli.session import PLAN


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


@pytest.mark.parametrize("module", PLAN.keys() - {"number_proof"})
def test_every_command_about_an_account_is_refused_without_its_feature(here: Here, module: str) -> None:
    account = here.json("account", "create", "--name", "Acme", "--features", "none")["client_account_id"]
    about = [*_about_an_account(import_module(f"callmark.surfaces.cli.{module}").group, [module.replace("_", "-")])]
    assert about
    for words, command in about:
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
