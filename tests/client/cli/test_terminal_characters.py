"""What others wrote cannot move a terminal's cursor, set its title or forge a line."""

from pathlib import Path

from tests.client.cli.conftest import Commands
from tests.client.cli.record_files import GOOD, HEAD
from tests.client.conftest import Platform

from callmark.terminal import printable

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b1m\u202edelivered"
WRITTEN_OUT = r"\x1b]0;owned\x07\x1b[2J\x9b1m\u202edelivered"


async def test_in_the_receiver_of_an_invalid_record(platform: Platform, commands: Commands) -> None:
    async with platform.client() as client:
        sent = await client.batches.create([platform.record(receiver=f"{EVIL}\r\nall")])
    shown = await commands.run("batches", "show", sent.batch_id)
    assert rf"{WRITTEN_OUT}\r\nall" in shown.stdout


def test_letters_of_every_script_are_shown_as_they_are() -> None:
    for text in ("ക്ഷ ന്\u200d", "\u0645\u06cc\u200c\u062e\u0648", "Café\u00a0Paris", "👩\u200d🚒", "日本\u3000東京"):
        assert printable(text) == text
    assert printable("a\u2028b\ud800\u200fc") == r"a\u2028b\ud800\u200fc"


async def test_in_the_names_of_columns(nobody: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"{HEAD.strip()},{EVIL}\n{GOOD.strip()},1\n")
    shown = await nobody.run("lint", file)
    assert f"{WRITTEN_OUT} is not used" in shown.stdout
    missing = await nobody.run("lint", file, "--map", f"{EVIL}x=receiver")
    assert missing.exit_code == 2
    assert "\x1b" not in missing.stderr
    assert WRITTEN_OUT in missing.stderr
