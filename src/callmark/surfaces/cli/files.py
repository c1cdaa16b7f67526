"""Files that commands read and write."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

LOGO_READ_BYTES = 2_097_152
"""A logo of this size is too large already, so no more of a file is read."""


def read_logo(path: Path | None) -> bytes | None:
    """The file's content, at most the size at which it is refused; None without a file."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(LOGO_READ_BYTES)
    except OSError as exc:
        raise click.ClickException(f"cannot read {path}: {exc.strerror}") from exc


@contextmanager
def written(output: BinaryIO) -> Generator[None]:
    """Writes to a file in the block, and all of it by its end; what cannot be written is said in one line."""
    try:
        yield
        output.flush()
    except BrokenPipeError:  # who reads has enough: click ends the command without a word
        raise
    except OSError as exc:
        with suppress(OSError):
            output.close()  # or click does, and what is still to be written fails again
        raise click.ClickException(f"cannot write {output.name}: {exc.strerror or exc}") from exc
