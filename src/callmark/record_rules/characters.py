"""Which characters a name or a reason may have.

Names are shown as verified, so no one may hide, reverse or fake them with characters that cannot be seen.
Source: contract D52.
"""

import re
import unicodedata
from collections.abc import Iterator

_ZWNJ, _ZWJ, _EMOJI_STYLE = "\u200c", "\u200d", "\ufe0f"
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Hangul fillers, braille blank and the empty note head: letters and symbols by category that leave no mark."""
NEVER_SHOWN = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0e\ufeff\ufff0-\ufffb"
)
"""Refused in every place, for a class of a regular expression of any language: C0 and C1, line and paragraph
separators, bidi embeddings, overrides and isolates, what Unicode calls default ignorable, other format characters."""
_REFUSED_CLASS = (
    NEVER_SHOWN + r"\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_REFUSED = re.compile(f"[{_REFUSED_CLASS}]")
_TO_LOOK_AT = re.compile(f"[{_REFUSED_CLASS}{_ZWNJ}{_ZWJ}{_EMOJI_STYLE}]")
_BLACK_FLAG = "\U0001f3f4"
_TAGGED_FLAG = re.compile(f"{_BLACK_FLAG}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}\U000e007f")
"""The flag of a part of a country: its code in tag characters, ended by the cancel tag (Unicode TS 51)."""
_EMOJI = "[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_EMOJI_JOINT = re.compile(f"({_EMOJI}){_EMOJI_STYLE}?{_ZWJ}(?={_EMOJI})")
_VIRAMA = 9
"""The canonical combining class of viramas, which Unicode gives to nothing else."""
_MOST_TO_LOOK_AT, _MOST_MARKS = 1_000, 100
"""More than a text that any field takes can have. A joiner that has more joiners before it, or more marks, is refused
without a look: texts that are too long are checked as well, to say everything that is wrong with them."""


def is_showable(text: str) -> bool:
    """Whether a name may be `text`: something of it can be seen, and no character hides or turns anything round."""
    if text.isascii():
        return text.isprintable() and text != "" and not text.isspace()
    return (_TO_LOOK_AT.search(text) is None or not any(_refused(text))) and any(map(_is_visible, text))


def refused_in(text: str) -> list[str]:
    """The characters for which no name may be `text`, each once, in their order.

    Joiners (U+200C, U+200D) may be between letters, after a virama, and the second inside an emoji sequence; U+FE0F
    after something that can be seen; tag characters in a whole flag.
    """
    return list(dict.fromkeys(_refused(text)))


def _refused(text: str) -> Iterator[str]:
    plain = _EMOJI_JOINT.sub(r"\1", _TAGGED_FLAG.sub(_BLACK_FLAG, text))
    for count, found in enumerate(_TO_LOOK_AT.finditer(plain)):
        if count >= _MOST_TO_LOOK_AT or not _is_in_place(plain, found.start()):
            yield found[0]


def named(character: str) -> str:
    """A character that may be invisible, for people: `U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def _is_visible(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character) not in {"Mn", "Me", "Zs", "Cc", "Cf"}


def _is_in_place(text: str, at: int) -> bool:
    one, before = text[at], text[at - 1] if at else ""
    if one == _EMOJI_STYLE:
        return before != "" and _is_visible(before)
    if one in {_ZWNJ, _ZWJ}:
        return bool(before) and (unicodedata.combining(before) == _VIRAMA or _is_between_letters(text, at))
    return False


def _is_between_letters(text: str, at: int) -> bool:
    """Whether a letter, with or without marks, comes before, and a letter or a mark of one after."""
    before = next((c for c in reversed(text[max(at - _MOST_MARKS, 0) : at]) if not _is_mark(c)), " ")
    return before.isalpha() and (text[at + 1 : at + 2].isalpha() or _is_mark(text[at + 1 : at + 2] or " "))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and _REFUSED.match(character) is None
