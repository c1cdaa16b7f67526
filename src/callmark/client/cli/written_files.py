"""Options that name a file which a command writes, and reads again."""

import os
from pathlib import Path

import click

from callmark.client.log_downloads import is_special
from callmark.option_values import NamedPath


class WrittenFile(NamedPath):
    """A file: no device, no pipe, no directory, and not standard output, by whatever name."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def convert(
        self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path."""
        found = super().convert(value, param, ctx)
        try:
            is_none = os.fspath(value) == "-" or is_special(Path(value))
        except OSError:  # of a name that is too long, as who writes it says
            is_none = False
        if is_none:
            self.fail(f"{os.fspath(value)} is no file: name one", param, ctx)
        return found
