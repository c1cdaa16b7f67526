"""Long lists in JSON, read piece by piece. Pure.

A decoder takes a text whole, and nothing else in the process moves meanwhile, also not beside a thread. So a list of
many objects is cut between two of them.
"""

from collections.abc import Iterable, Iterator

PIECE = 32 * 1024
"""Characters that are decoded at once: less than a millisecond, and a few hundred objects."""


class ListCutter:
    """Cuts a list of objects that comes in parts. Each begins with the member `key`, and no other object in it does."""

    def __init__(self, key: str) -> None:
        self._between = f'}},{{"{key}":'
        self._left = ""

    def add(self, text: str, *, is_end: bool) -> Iterator[str]:
        """The lists that the text so far can be cut into, which are all of it at its end."""
        text, at = self._left + text, 0
        while (cut := text.find(self._between, at + PIECE)) >= 0:
            yield _as_list(text[at : cut + 1])
            at = cut + 2
        self._left = text[at:]
        if is_end and self._left:
            yield _as_list(self._left)


def pieces(text: str, key: str) -> Iterator[str]:
    """The list as several shorter ones, in its order."""
    return ListCutter(key).add(text, is_end=True)


def joined(lists: Iterable[str]) -> str:
    """One list of those that `pieces` gave, changed or not."""
    return f"[{','.join(inner for one in lists if (inner := one[1:-1]))}]"


def _as_list(text: str) -> str:
    opened = text if text.startswith("[") else f"[{text}"
    return opened if opened.endswith("]") else f"{opened}]"
