"""What a command asks the person at the terminal: whether to continue, and a password."""

import sys
from pathlib import Path

import click

_LONGEST_LINE_BYTES = 1 << 16
_NOBODY_TO_ASK = "there is no terminal to ask for the password; give --password-file FILE (`-` for standard input)"


def sure(question: str, *, yes: bool) -> None:
    """Returns when the person at the terminal says yes; else ends the command with exit code 1.

    `--yes` answers in advance. A script is not asked: it has named the one thing by its id.
    """
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


def read_password(file: Path | None) -> str:
    """The password a `--password-file` holds, else what the person at the terminal types twice.

    Raises UsageError where nobody can be asked, ClickException for a file that is not UTF-8 (with or without its mark).
    """
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError(_NOBODY_TO_ASK)
        return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with click.open_file(str(file), "rb") as lines:
        line = lines.readline(_LONGEST_LINE_BYTES)
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise click.ClickException(f"the password in {file} is not UTF-8 text; save the file as UTF-8") from exc
