"""What every invariant is made of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from chaos.checker.history import AnyEntry, CycleEnd, Entry

SHOWN_AT_EACH_END = 6
"""Lines of a history: a client that asks again and again makes hundreds that say the same."""


class Violation(msgspec.Struct, frozen=True):
    """A promise that was not kept: which, of what, how, and all that the history says of the item."""

    invariant: str
    item: str
    says: str
    history: Sequence[Entry]

    def text(self) -> str:
        """For people: a headline and the lines of the history, in the order of time."""
        lines = [msgspec.json.encode(entry).decode() for entry in self.history]
        if len(lines) > 2 * SHOWN_AT_EACH_END:
            left_out = f"… {len(lines) - 2 * SHOWN_AT_EACH_END} more"
            lines = [*lines[:SHOWN_AT_EACH_END], left_out, *lines[-SHOWN_AT_EACH_END:]]
        return "\n".join([f"{self.invariant}: {self.item}: {self.says}", *(f"    {line}" for line in lines)])


class Invariant(Protocol):
    """Sees each entry once, in the order of the history, and says at the end of a cycle what was broken."""

    def see(self, entry: AnyEntry) -> None:
        """Takes notice of what concerns it."""
        ...

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """What does not hold at this end; each violation once."""
        ...


def is_taken(status: int) -> bool:
    """Whether an answer says that it was done."""
    return 200 <= status < 300


def may_be_done(status: int) -> bool:
    """Whether it was done, or nobody can know: no answer, or one that a broken part gave."""
    return is_taken(status) or status == 0 or status >= 500


class Once:
    """Lets each item through once."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def new(self, violations: Iterable[Violation]) -> Iterator[Violation]:
        """Those whose item was not named before."""
        for violation in violations:
            if (violation.item, violation.says) not in self._said:
                self._said.add((violation.item, violation.says))
                yield violation
