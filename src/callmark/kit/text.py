"""Short texts people type, such as names of accounts and labels, and figures as people read them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from callmark.kit.errors import InvalidInput
from callmark.record_rules.characters import is_showable, named, refused_in

NO_BREAK = "\N{NO-BREAK SPACE}"
_MOST_NAMED = 3
_NEARLY_ALL = range(991, 1000)
"""Thousandths of a whole that a percentage without a fraction would make 100, or seem to."""


def clean_line(text: str, field: str, *, longest: int, what: str = "") -> str:
    """`text` without outer spaces, when it has 1 to `longest` code points and may be shown (`is_showable`).

    Raises InvalidInput about `field`; `what` names it for people where the field's name would not.
    """
    cleaned = text.strip()
    what = what or field
    if not cleaned:
        raise InvalidInput(f"{what} is required", field=field)
    if len(cleaned) > longest:
        raise InvalidInput(f"{what} must be at most {longest} characters", field=field)
    if is_showable(cleaned):
        return cleaned
    if refused := refused_in(cleaned):
        which = ", ".join(map(named, refused[:_MOST_NAMED]))
        raise InvalidInput(f"{what} contains characters that are not allowed: {which}", field=field)
    raise InvalidInput(f"{what} must contain at least one visible character", field=field)


def kept_or(kept: str, text: str | None, rule: Callable[[str], str]) -> str:
    """`kept` when nothing else was said, else what the rule makes of `text`.

    What was stored before the rule must not block another change.
    """
    return kept if text is None or (kept and text.strip() == kept) else rule(text)


def in_one_line(names: Iterable[str]) -> str:
    """Names from the top down, as crumbs are written, `Sales > Claims` with a smaller sign, without empty ones."""
    return " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} ".join(filter(None, names))


def some_names(kind: str, names: Sequence[str]) -> str:
    """Names for a sentence: `the processes 'A', 'B', 'C' and 4 more`."""
    first = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"the {kind if len(names) == 1 else plural} {first}{rest}"


def moment(at: datetime) -> str:
    """When something was or will be, for a text that is read later than it is written: `7 March 2026 at 22:04 UTC`."""
    return f"{at:%-d %B %Y at %H:%M} UTC"


def share(part: int, whole: int) -> str:
    """A part of a whole as a percentage that is never nicer than the truth: `40 %`, `< 1 %`, `99.8 %`.

    0 and 100 stand for none and all alone; above 99 it is rounded down to a tenth. Empty when there is no whole.
    """
    if whole <= 0:
        return ""
    percent = 100 * part / whole
    if part > whole:
        return f">{NO_BREAK}100{NO_BREAK}%"
    if 0 < percent < 1:
        return f"<{NO_BREAK}1{NO_BREAK}%"
    tenths = part * 1000 // whole
    number = f"{tenths / 10:.1f}".removesuffix(".0") if tenths in _NEARLY_ALL else f"{percent:.0f}"
    return f"{number}{NO_BREAK}%"
