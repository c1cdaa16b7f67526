"""Texts drawn as tables, by Rich."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def table_lines(rows: Sequence[Mapping[str, str]], columns: Sequence[str], width: int | None) -> list[str]:
    """A table whose ids and phone numbers stay whole however narrow the terminal is; the rest folds."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        whole = column == "id" or column.endswith(("_id", "_number", "_at"))
        widest = max(len(_drawn(row[column])) for row in rows) if whole else None
        table.add_column(column.replace("_", " "), no_wrap=whole, min_width=widest, overflow="fold")
    for row in rows:
        table.add_row(*(_drawn(row[column]) for column in columns))
    return _lines(table, width)


def list_lines(item: Mapping[str, str], width: int | None) -> list[str]:
    """A line for each key, with its text."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column()
    for key, text in item.items():
        table.add_row(key.replace("_", " "), _drawn(text))
    return _lines(table, width)


def _drawn(text: str) -> Text:
    """The text as it is: nothing in it is taken for markup."""
    return Text(text) if text else Text("-", style="dim")


def _lines(table: Table, width: int | None) -> list[str]:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()
