"""Options and arguments that are given empty, as a shell gives a variable that is not set: they are not left out."""

import os
from pathlib import Path

import click
from click.core import ParameterSource

_WHY = "it is empty: is a variable of the shell not set?"


class NamedPath(click.Path):
    """A path that says something: Python takes an empty one for the working directory."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(
        self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path."""
        if not os.fspath(value):
            self.fail(_WHY, param, ctx)
        return super().convert(value, param, ctx)


def refuse_empty(context: click.Context) -> None:
    """Raises BadParameter for an empty text: a filter would select everything, and a profile be that of another."""
    for one in context.command.params:
        name = one.name or ""
        is_text = isinstance(one.type, click.types.StringParamType)
        if is_text and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            given = context.params.get(name)
            if given == "" or (isinstance(given, tuple) and "" in given):
                raise click.BadParameter(_WHY, context, one)
