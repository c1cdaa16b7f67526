"""The wording of call reasons: one rule for the library of reasons and for pushed records (contract, 10.1, D13)."""

from callmark.record_rules.characters import is_showable

SHORTEST_REASON, LONGEST_REASON = 10, 100
FORBIDDEN_IN_REASON = frozenset("!@#$%^&*()_+/")
"""The 13 characters of contract 10.1; those of contract D52 are forbidden, too."""
EDGE_IN_REASON = frozenset(".,- ")
"""What a call reason may hold, but neither begin nor end with."""


def has_forbidden(text: str) -> bool:
    """Whether a call reason has a character that it may not have there, whatever its length."""
    return (
        text[:1] in EDGE_IN_REASON
        or text[-1:] in EDGE_IN_REASON
        or not FORBIDDEN_IN_REASON.isdisjoint(text)
        or not is_showable(text)
    )
