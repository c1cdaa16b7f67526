"""Phone numbers in their one canonical form: country code and digits, no `+` (contract D25)."""

from typing import NewType

from callmark.tables.phones import plain_text

PhoneNumber = NewType("PhoneNumber", str)

_SHORTEST, _LONGEST = 7, 15
_SHOWN = 4
"""How many digits of each end a log may contain at most."""
_HIDDEN = 4
"""How many digits a log leaves out at least: ten thousand numbers look alike there."""


def parse_digits(text: str) -> PhoneNumber | None:
    """The number when `text` is 7 to 15 ASCII digits without a leading zero, else None.

    Source: contract D25, `^[1-9][0-9]{6,14}$`; written without a regex because it runs for every record pushed.
    """
    if _SHORTEST <= len(text) <= _LONGEST and text.isascii() and text.isdigit() and text[0] != "0":
        return PhoneNumber(text)
    return None


def parse_loose(text: str) -> PhoneNumber | None:
    """As `parse_digits`, with an optional leading `+` that is dropped."""
    return parse_digits(text.removeprefix("+"))


def parse_e164(text: str) -> PhoneNumber | None:
    """As `parse_digits`, with a leading `+` that must be there and is dropped."""
    return parse_digits(text[1:]) if text.startswith("+") else None


def without_separators(text: str) -> str:
    """What someone typed or pasted of a number, without what stands between digits: blanks of every kind, `+`, `-`.

    Digits of any script are those of ASCII. What cannot be seen is left out: pages and address books put such
    characters around numbers.
    """
    return "".join(character for character in plain_text(text) if character.isprintable() and character not in " +-().")


def without_exit_code(digits: str) -> str:
    """Digits that a number begins with, without the `00` that people dial before the country code: none begins so."""
    return digits.removeprefix("00")


def shorten(number: str) -> str:
    """The form that a log may contain: `9199…4455`, of a shorter number less."""
    shown = max(len(number) - _HIDDEN, 0)
    first, last = min(_SHOWN, (shown + 1) // 2), min(_SHOWN, shown // 2)
    return f"{number[:first]}…{number[len(number) - last :]}"
