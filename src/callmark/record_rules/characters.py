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
_UNDRAWN = frozenset({"Mn", "Me", "Zs", "Cc", "Cf"})
_NO_CHARACTER = frozenset({"Cn", "Co"})
"""Unassigned with the noncharacters, and private use. What a phone draws is its own affair: nothing, an empty box, or,
for private use, what the maker of its font put there, such as the maker's logo. Nobody can read it, so none of them is
the visible character of a name. Beside one they are allowed: contract D52 refuses no character for being unknown."""
_NEWER_EMOJI = range(0x1F000, 0x1FB00)
"""Blocks that get new emoji each year. Phones draw them before our Python knows them, and the answer must not depend on
its version. Scripts newer than it are in no phone's font, so a name in nothing else is an empty box."""
_IN_PLACE_OF_ANOTHER = frozenset("\ufffc\ufffd")
"""Drawn, but for what is missing: an object that is not text, and a character lost in a conversion."""
CONTROL = r"\x00-\x1f\x7f"
"""The control characters of ASCII, which are refused in every place, for a class of any language's regular expressions:
the other refused characters have no escape that Ruby, PHP and Go all read."""
_REFUSED_CLASS = CONTROL + (
    r"\x80-\x9f\xad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0e\ufeff"
    r"\ufff0-\ufffb\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Refused in every place: C0 and C1, line and paragraph separators, bidi embeddings, overrides and isolates, what
Unicode calls default ignorable, other format characters, halves of characters."""
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
    """Whether a name may be `text`: something of it can be read, and no character hides or turns anything round."""
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
    """Whether someone can read it, wherever a phone shows it."""
    if not _may_be_drawn(character) or character in _IN_PLACE_OF_ANOTHER:
        return False
    return ord(character) in _NEWER_EMOJI or unicodedata.category(character) not in _NO_CHARACTER


def _may_be_drawn(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character) not in _UNDRAWN


def _is_in_place(text: str, at: int) -> bool:
    one, before = text[at], text[at - 1] if at else ""
    if one == _EMOJI_STYLE:
        return before != "" and _may_be_drawn(before)
    if one in {_ZWNJ, _ZWJ}:
        return bool(before) and (unicodedata.combining(before) == _VIRAMA or _is_between_letters(text, at))
    return False


def _is_between_letters(text: str, at: int) -> bool:
    """Whether a letter, with or without marks, comes before, and a letter or a mark of one after."""
    before = next((c for c in reversed(text[max(at - _MOST_MARKS, 0) : at]) if not _is_mark(c)), " ")
    return before.isalpha() and (text[at + 1 : at + 2].isalpha() or _is_mark(text[at + 1 : at + 2] or " "))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and _REFUSED.match(character) is None
