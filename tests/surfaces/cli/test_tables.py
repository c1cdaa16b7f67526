"""Lists of commands at terminals of every width: nothing is left out, cut, or behind the edge."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections import Counter

import pytest
from rich.cells import cell_len

from callmark.terminal_tables import list_lines, table_lines

ID, AT = "01a22eb4-afa7-76bc-a48e-686e3da1c5bc", "2026-11-30T23:05:23.111Z"
EDGES = [
    {"id": ID, "name": "Front proxy", "account_id": ID, "created_at": AT, "last_used_at": AT, "revoked_at": ""},
    {"id": ID, "name": "東京の代理サーバー", "account_id": "", "created_at": AT, "last_used_at": "", "revoked_at": AT},
]
ACCOUNTS = [
    {"client_account_id": ID, "name": "Acme [bold]Deliveries", "features": "call_me_back, call_personalisation"},
    {"client_account_id": ID, "name": "B", "features": "call_me_back, call_personalisation, number_management"},
]
LABELS = [{"name": "x" * 70, "why": "said " * 20}]


def is_table(lines: list[str], rows: list[dict[str, str]]) -> bool:
    return lines[0].split() == " ".join(rows[0]).replace("_", " ").split()


@pytest.mark.parametrize(("rows", "least"), [(EDGES, 172), (ACCOUNTS, 77), (LABELS, 34)])
def test_every_word_is_whole_and_a_table_is_within_the_terminal(rows: list[dict[str, str]], least: int) -> None:
    """`least` is the narrowest terminal that has a table; one that is narrower has a line for each value."""
    values = [value for row in rows for value in row.values()]
    for width in (1, 20, least - 1, least, least + 1, 80, 100, 120, 200, 20_000):
        lines = table_lines(rows, list(rows[0]), width)
        text = "\n".join(lines)
        assert is_table(lines, rows) is (width >= least), width
        assert all(word in text for value in values for word in value.split() if len(word) <= 40), width
        assert Counter(text) >= Counter("".join("".join(values).split())), width
        assert not any(line.endswith(" ") for line in lines)
        assert width < least or max(map(cell_len, lines)) <= width


def test_a_terminal_that_can_do_nothing_has_its_width_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "dumb", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert [line.split() for line in list_lines({"url": "x" * 200})] == [["url", "x" * 200]]


def test_a_program_gets_a_line_for_each_row_however_long() -> None:
    assert len(table_lines([{"why": "a" * 12_000, "id": ID}], ["why", "id"], 1_000_000)) == 2


_LISTED = f"""
from callmark.terminal import Output
edges = [{{"id": "{ID}", "name": name, "account_id": "{ID}", "created_at": "{AT}"}} for name in ("Front", "Back")]
Output(as_json=False).rows(edges, ["id", "name", "account_id", "created_at"], empty="")
"""


@pytest.mark.parametrize("columns", ["0", "80"])
def test_at_a_terminal_of_80_columns_an_edge_has_its_name(columns: str) -> None:
    """`COLUMNS=0` is no width."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {**os.environ, "COLUMNS": columns, "NO_COLOR": "1", "TERM": "dumb"}
    subprocess.run([sys.executable, "-c", _LISTED], env=env, stdout=theirs, check=True)
    shown = os.read(ours, 4096).decode().splitlines()
    os.close(ours)
    os.close(theirs)
    names = [["id", ID], ["name", "Front"], ["account", "id", ID], ["created", "at", AT], []]
    assert [line.split() for line in shown] == [*names, names[0], ["name", "Back"], *names[2:4]]
