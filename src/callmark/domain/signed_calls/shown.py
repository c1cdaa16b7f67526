"""What of a token that counts may show: its signer is vouched for, the characters of its texts are not.

Names of our own customers are refused when they are written (`record_rules/characters.py`, contract D52).
"""

from collections.abc import Mapping
from typing import Any, cast

from callmark.record_rules.characters import is_showable, refused_in

LONGEST = 100
"""Of a name or a reason, in characters. It becomes a part of several headers of SIP, and of a phone's screen."""
_NAMES = {"nam", "apn"}
_LINES = set("\t\n\r")
"""Which texts of a jCard may have."""


def may_show(text: str) -> bool:
    """Whether a name or a reason may be shown as verified: short, visible, and not turned round."""
    return len(text) <= LONGEST and is_showable(text)


def showable_parts(rcd: Mapping[str, Any]) -> dict[str, Any]:
    """The claim `rcd` without those of its parts that hide or turn round what they say."""
    return {key: one for key, one in rcd.items() if (may_show(one) if key in _NAMES else not _hides(one))}


def _hides(value: object) -> bool:
    if isinstance(value, str):
        return bool(set(refused_in(value)) - _LINES)
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        return any(map(_hides, [*parts, *parts.values()]))
    return isinstance(value, list) and any(map(_hides, cast("list[object]", value)))
