"""What a command prints: tables and lists for people, JSON with stable keys for programs.

What draws tables is imported where there is one to draw: it takes a tenth of the time in which a command starts.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from shutil import get_terminal_size
from textwrap import indent

import click
import msgspec

from callmark.instants import iso_ms

Row = Mapping[str, object]
"""One thing: key as in the JSON → value."""

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ANY_WIDTH = 1_000_000
"""Of output that goes to a program: nothing is folded."""
_OBEYED = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's control characters, halves of pairs, and ends of lines and paragraphs."""
_TURNS_ROUND = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class SecretLost(click.ClickException):
    """Ends a command whose secret was not shown, while what it belongs to is there."""


class Output:
    """Prints the answer of one command, once."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def rows(self, rows: Sequence[Row], columns: Sequence[str], *, empty: str) -> None:
        """Several things: as JSON an array of all keys, else a table of `columns`; `empty` says what to do next.

        At a terminal that is too narrow for it, a line a column.
        """
        if self.as_json:
            _print_json([_plain(row) for row in rows])
        elif not rows:
            click.echo(empty)
        else:
            from callmark.terminal_tables import table_lines

            texts = [{column: _shown(row[column]) for column in columns} for row in rows]
            _echo(table_lines(texts, columns, get_terminal_size().columns if sys.stdout.isatty() else _ANY_WIDTH))

    def stream(self, rows: Iterable[Row]) -> None:
        """The JSON of `rows` for any number of them: each is written before the next is read."""
        end = "["
        for row in rows:
            echo_json(f"{end}\n{indent(_json(_plain(row)), '  ')}", nl=False)
            end = ","
        click.echo("[]" if end == "[" else "\n]")

    def made_with_secret(self, item: Row, said: str, after: str, lost: str) -> None:
        """One thing that was made now, as `item` does it, with a secret that nobody can have shown again.

        Raises SecretLost, which says `lost`, where it cannot be written.
        """
        try:
            self.item(item, said, after)
        except OSError as exc:
            raise SecretLost(f"cannot write the output: {exc.strerror}. {lost}") from exc

    def item(self, item: Row, said: str = "", after: str = "") -> None:
        """One thing: as JSON an object, else the line `said`, a line a key, and the line `after`."""
        if self.as_json:
            _print_json(_plain(item))
            return
        if said:
            click.echo(said)
        from callmark.terminal_tables import list_lines

        texts = {key: _shown(value) for key, value in item.items()}
        _echo(list_lines(texts))  # a secret or an address is copied whole
        if after:
            click.echo(after)

    def done(self, item: Row, said: str) -> None:
        """Something is gone or ended: as JSON an object that names it, else the line `said`."""
        if self.as_json:
            _print_json(_plain(item))
        else:
            click.echo(said)


def echo_json(text: str, *, nl: bool = True) -> None:
    """Prints JSON; in an encoding that lacks a character of it, with escapes for all that are not ASCII."""
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    click.echo(text, nl=nl)


def _print_json(value: object) -> None:
    echo_json(_json(value))


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _plain(value: object) -> object:
    """The value as JSON shows it: instants in ISO-8601 UTC with milliseconds, sets in alphabetical order."""
    match value:
        case datetime():
            return iso_ms(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any mapping
        case set() | frozenset():
            return sorted(str(_plain(item)) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any set
        case list() | tuple():
            return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any sequence
        case _:
            return value


def printable(text: str) -> str:
    """The text in one line; what would do something to the terminal, or begin a new line, is written out."""
    return text if text.isprintable() else "".join(repr(at)[1:-1] if is_obeyed(at) else at for at in text)


def is_obeyed(character: str) -> bool:
    """Whether a terminal does something at this character instead of showing it. Joiners of letters are shown."""
    return unicodedata.category(character) in _OBEYED or character in _TURNS_ROUND


def _shown(value: object) -> str:
    """The value as people read it; nothing in it is obeyed by the terminal."""
    return printable(_words(value))


def _words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return iso_ms(value)
        case str():
            return str(value)
        case Collection():
            return ", ".join(sorted(str(item) for item in value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any collection
        case _:
            return str(value)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
