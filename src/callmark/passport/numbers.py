"""Telephone numbers as tokens and certificates hold them (RFC 8224, section 8.3)."""

import re

_SEPARATORS = str.maketrans("", "", "-. ()\t")
_NUMBER = re.compile(r"[0-9#*]{1,15}\Z", re.ASCII)


def canonical_number(text: str) -> str:
    """Digits, `#` and `*` alone, without `+` and without what people put between; 1 to 15 characters.

    Country codes are not made up: a national number stays national. Raises ValueError.
    """
    number = text.strip().removeprefix("+").translate(_SEPARATORS)
    if not _NUMBER.match(number):
        raise ValueError(f"{text!r} is not a telephone number of 1 to 15 digits")
    return number


def is_canonical(text: object) -> bool:
    """Whether `text` is a number in that form."""
    return isinstance(text, str) and _NUMBER.match(text) is not None
