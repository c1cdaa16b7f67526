"""A fault as a sentence, after the name of its field, and what to change in a text."""

from collections.abc import Mapping

from callmark.record_rules.characters import is_showable, named, refused_in
from callmark.record_rules.fields import Fault
from callmark.record_rules.reasons import EDGE_IN_REASON, FORBIDDEN_IN_REASON
from callmark.tables.sheet_errors import NO_VALUE_HINT, is_marked

FAULT_WORDS: Mapping[Fault, str] = {
    Fault.REQUIRED: "is required",
    Fault.INVALID: "is invalid",
    Fault.PHONE: "is not a valid phone number",
    Fault.FOREIGN: "is listed by another client",
    Fault.LABEL: "does not belong to a dynamic label of this client",
    Fault.NAME_LENGTH: "must be between 3 and 40 characters",
    Fault.NAME_CHARACTERS: "contains characters that are not allowed",
    Fault.REASON_LENGTH: "must be between 10 and 100 characters",
    Fault.REASON_CHARACTERS: "contains characters that are not allowed",
    Fault.END_PAST: "cannot be before the current timestamp",
    Fault.END_ORDER: "must be after starts_at",
    Fault.TOO_LONG: "cannot be more than 24 hours after starts_at",
}
"""As the API says them (contract, section 14.1)."""


def text_hint(fault: Fault, value: str) -> str:
    """What to change in a text that has the wrong length or characters; empty for other faults."""
    if is_marked(value):
        return NO_VALUE_HINT
    match fault:
        case Fault.REASON_LENGTH | Fault.NAME_LENGTH:
            return f"it has {len(value)} character{'s' * (len(value) != 1)}"
        case Fault.NAME_CHARACTERS | Fault.REASON_CHARACTERS:
            return _characters_hint(value)
        case _:
            return ""


def _characters_hint(value: str) -> str:
    if not is_showable(value):
        return _hidden_hint(value)
    inside = sorted({repr(c) for c in value if c in FORBIDDEN_IN_REASON})
    if inside:
        return f"remove {', '.join(inside)}"
    ends = [where for where, c in (("beginning", value[:1]), ("end", value[-1:])) if c in EDGE_IN_REASON]
    return f"remove the punctuation or space at the {' and the '.join(ends)}"


def _hidden_hint(value: str) -> str:
    refused = refused_in(value)
    return f"remove {', '.join(map(named, refused))}" if refused else "it has no visible character"
