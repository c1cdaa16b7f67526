"""What belongs to one process: a child that was forked must not share it, and none gets a copy.

Locks, which no thread gives back in a child, and connections, on which two processes would get each other's answers.
"""

import os
from typing import NoReturn, Protocol
from weakref import WeakSet


class OfOneProcess(Protocol):
    """Something that a child replaces."""

    def leave_to_parent(self) -> None:
        """Called in a child, once, before anything else runs there: it takes nothing from the parent."""
        ...


class NotCopied:
    """Holds a secret or connections; so does what refers to it."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a client, and what asks the server with it, is not copied or pickled: create a client in each process;"
            " with_options gives a changed one"
        )


_KEPT: WeakSet[OfOneProcess] = WeakSet()


def keep_to_one_process(thing: OfOneProcess) -> None:
    """Has it called in every child, as long as it lives."""
    _KEPT.add(thing)


def _in_child() -> None:
    for thing in list(_KEPT):
        thing.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
