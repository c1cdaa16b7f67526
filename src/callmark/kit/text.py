"""Short texts people type: names of accounts, members, labels."""

import unicodedata

from callmark.kit.errors import InvalidInput

_UNSHOWABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that no single line can show: controls, half characters, line and paragraph separators."""


def clean_line(text: str, field: str, *, longest: int, what: str = "") -> str:
    """`text` without outer spaces, when it has 1 to `longest` code points and none that a line cannot show.

    Raises InvalidInput about `field`; `what` names it for people where the field's name would not.
    """
    cleaned = text.strip()
    what = what or field
    if not cleaned:
        raise InvalidInput(f"{what} is required", field=field)
    if len(cleaned) > longest:
        raise InvalidInput(f"{what} must be at most {longest} characters", field=field)
    if any(unicodedata.category(character) in _UNSHOWABLE for character in cleaned):
        raise InvalidInput(f"{what} contains characters that cannot be shown on one line", field=field)
    return cleaned
