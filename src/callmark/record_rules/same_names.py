"""Whether two names are the same to the people who read them, whatever database or language keeps them."""

import unicodedata

_MEANS_MORE = frozenset({"<super", "<sub", "<circle", "<square", "<fraction"})
"""Kinds of characters that Unicode has beside a plainer one, and that do not look like it: ², ①, ½."""
_DOTTED_I, _DOTLESS_I = "i\N{COMBINING DOT ABOVE}", "\N{LATIN SMALL LETTER DOTLESS I}"
"""The first is the small letter of the Turkish capital I with a dot, to most of those who make letters small."""


def alike(one: str, other: str) -> bool:
    """Whether two names count as the same (`folded`)."""
    return folded(one) == folded(other)


def in_small(text: str) -> str:
    """A text in small letters, each with its accent composed: the same for all spellings of a text in case and form.

    At least of those that `lower` of PostgreSQL makes the same, by which the database keeps names apart. Its locale C
    knows the case of A to Z alone; to Turkish ones the I with a dot and the one without are each an i.
    """
    if text.isascii():
        return text.lower()
    small = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", small.replace(_DOTTED_I, "i").replace(_DOTLESS_I, "i"))


def folded(name: str) -> str:
    """What names have in common that people cannot tell apart: in any spelling of case, of accents and of spaces.

    Also wide and styled letters, but not those that mean more, such as small figures. Letters of other scripts stay.
    Names are stored as they were typed: the composed form of some Chinese characters has another shape.
    """
    small = in_small(name)
    if not small.isascii():
        small = in_small("".join(map(_plain, small)))
    return " ".join(small.split())


def _plain(character: str) -> str:
    tag, is_compatible, _ = unicodedata.decomposition(character).rpartition(">")
    return unicodedata.normalize("NFKC", character) if is_compatible and tag not in _MEANS_MORE else character
