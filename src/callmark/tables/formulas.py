"""What spreadsheets would take for a formula: an apostrophe before it in CSV that we write, none in what we read."""

import re

_DIVIDES = r";\t\r\n"
"""What ends a cell in some spreadsheets, also within quotes: they look for these where they expect no commas."""
_EQUALS, _SIGNS = "=@\uff1d\uff20", "+\uff0b\uff0d-"
"""Wide ones too: spreadsheets of Chinese and Japanese take them for the others."""
_BEGINS = rf"(?:[{_EQUALS}]|[{_SIGNS}](?![\d ]*(?:[{_DIVIDES}]|\Z)))"
"""How a formula begins; a signed number, as people write phone numbers, is none."""
_WIDE_BLANK = r"[^\S\x00-\x20]"
"""White space but ours: some programs drop it before they look. Behind a semicolon a plain blank divides a list."""
_FORMULA = re.compile(rf"\A(?=[\t\r\0]|\s*{_BEGINS})|(?<=[{_DIVIDES}])(?=\"*{_WIDE_BLANK}*{_BEGINS})")
"""Before a formula. To readers that divide within a text, quotes behind such a mark are those around an empty one."""
_GUARDED = re.compile(rf"\A'(?=\s*[{_EQUALS}{_SIGNS}])|(?<=[{_DIVIDES}])'(?=\"*{_WIDE_BLANK}*{_BEGINS})")


def guarded(text: str) -> str:
    """The text with an apostrophe before what begins like a formula, at its beginning or within."""
    return _FORMULA.sub("'", text)


def unguarded(text: str) -> str:
    """The text of a cell without the apostrophes of `guarded`, so that results can be sent again."""
    return _GUARDED.sub("", text)
