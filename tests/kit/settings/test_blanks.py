"""Blanks and line breaks around the values of variables."""

from pathlib import Path

import pytest

from callmark.kit.settings import read_settings


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("CALLMARK_PORT", "8701\n", 8701),
        ("CALLMARK_EMULATOR", " true\r\n", True),
        ("CALLMARK_LOG_LEVEL", "error\n", "error"),
        ("CALLMARK_DATA", "/data\n", Path("/data")),
        ("CALLMARK_MAIL_FROM", "ada@acme.example\n", "ada@acme.example"),
        ("CALLMARK_NATS_CA", " \n", None),
    ],
)
def test_blanks_around_a_value_do_not_count(variable: str, text: str, value: object) -> None:
    """As variables have them that were read from a file."""
    assert getattr(read_settings({variable: text}), variable.removeprefix("CALLMARK_").lower()) == value


def test_what_is_around_a_secret_key_stays_a_part_of_it() -> None:
    """An installation that was begun with such a key is lost without it."""
    key = "k" * 40 + "\n"
    settings = read_settings({"CALLMARK_SECRET_KEY": key})
    assert settings.secret_key is not None
    assert settings.secret_key.reveal() == key
