"""What spreadsheets would take for a formula: an apostrophe before it in CSV that we write, none in what we read."""

import re

_DIVIDES = r";\t\r\n"
"""What ends a cell in some spreadsheets, also within quotes: they look for these where they expect no commas."""
_BEGINS = rf"(?:[=@]|[+-](?![\d ]*(?:[{_DIVIDES}]|\Z)))"
"""How a formula begins; a signed number, as people write phone numbers, is none."""
_FORMULA = re.compile(rf"\A(?=[\t\r]|{_BEGINS})|(?<=[{_DIVIDES}])(?=\"*{_BEGINS})")
"""Before a formula. To readers that divide within a text, quotes behind such a mark are those around an empty one."""
_GUARDED = re.compile(rf"\A'(?=[=+@-])|(?<=[{_DIVIDES}])'(?=\"*{_BEGINS})")


def guarded(text: str) -> str:
    """The text with an apostrophe before what begins like a formula, at its beginning or within."""
    return _FORMULA.sub("'", text)


def unguarded(text: str) -> str:
    """The text of a cell without the apostrophes of `guarded`, so that results can be sent again."""
    return _GUARDED.sub("", text)
