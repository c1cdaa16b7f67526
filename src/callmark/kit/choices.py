"""Choices of several, such as the features of a key: sets, and changes of them."""

from collections.abc import Collection
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SetChange(Struct, Generic[T_co], frozen=True):
    """What a set gains and loses; all else stays as it is, also what someone else changes at the same moment."""

    gained: Collection[T_co] = ()
    lost: Collection[T_co] = ()


def chosen(had: frozenset[T], wanted: Collection[T] | SetChange[T] | None) -> frozenset[T]:
    """The set after a change: of some of it, to `wanted` as a whole, or (None) as it was."""
    match wanted:
        case None:
            return had
        case SetChange():
            return had.union(wanted.gained).difference(wanted.lost)
        case _:
            return frozenset(wanted)
