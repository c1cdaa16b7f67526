"""Whether two names are the same to the people who read them, whatever database or language keeps them."""

import unicodedata

_MEANS_MORE = frozenset({"<super", "<sub", "<circle", "<square", "<fraction"})
"""Kinds of characters that Unicode has beside a plainer one, and that do not look like it: ², ①, ½."""
_DOTTED_I, _DOTLESS_I = "i\N{COMBINING DOT ABOVE}", "\N{LATIN SMALL LETTER DOTLESS I}"
"""The first is the small letter of the Turkish capital I with a dot, to most of those who make letters small."""

_ONE_LOOK = str.maketrans(
    {
        "\N{VARIATION SELECTOR-16}": "",
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    }
)
"""Signs that phones write by themselves, and the plainer ones; a sign with a colour, or without."""


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
    return unicodedata.normalize("NFC", _small(text).replace(_DOTTED_I, "i").replace(_DOTLESS_I, "i"))


def folded(name: str) -> str:
    """What names have in common that people cannot tell apart: in any spelling of case, of accents and of spaces.

    Also wide and styled letters, but not those that mean more, such as small figures. Letters of other scripts stay.
    Names are stored as they were typed: the composed form of some Chinese characters has another shape.
    """
    small = in_small(name)
    if not small.isascii():
        small = in_small("".join(map(_plain, small)))
    return " ".join(small.split())


def looks(text: str) -> str:
    """What texts have in common that look the same, and so mean the same: as `folded`, where no database decides.

    The Turkish letters for i mean different things, with a dot or without. Signs of one look are the same.
    """
    small = _small(text.translate(_ONE_LOOK))
    if not small.isascii():
        small = _small("".join(map(_plain, small)).translate(_ONE_LOOK))
    return " ".join(small.split())


def _small(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _plain(character: str) -> str:
    tag, is_compatible, _ = unicodedata.decomposition(character).rpartition(">")
    return unicodedata.normalize("NFKC", character) if is_compatible and tag not in _MEANS_MORE else character
