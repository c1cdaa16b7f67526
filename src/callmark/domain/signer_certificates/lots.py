"""Divides an account's numbers among its certificates.

As a rule one certificate lists all of them. But verifiers accept certificates of 64 kilobytes at most, and fetch all of
it for each call. So an account with very many scattered numbers has several certificates, one for each lot: the numbers
from the start of the lot to the start of the next. A number that is added or removed changes only its own lot.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from callmark.passport.authority import NumberRange, TnAuthList

MOST_ENTRIES = 1000
"""Numbers and ranges in one certificate: about 25 kilobytes."""
FULL_ENTRIES = 500
"""How many a lot gets when it is made: so that it can grow."""


def lot_key(number: str) -> str:
    """How numbers are sorted: by their length, then by their digits, so that those that follow each other stay so."""
    return f"{len(number):02}{number}"


def lots_of(numbers: Iterable[str], starts: Sequence[str], code: str | None) -> list[tuple[str, TnAuthList]]:
    """The lots of these numbers, each with its start: as they were at `starts`, split and joined where needed.

    `code` is in each of them. Without numbers there is one lot with the code, or none.
    """
    ordered = sorted(set(numbers), key=lot_key)
    if not ordered:
        return [("", TnAuthList.of(codes=[code]))] if code else []
    codes = [code] if code else []
    return [(start, _as_list(runs, codes)) for start, runs in _arranged(ordered, starts)]


def lot_at(starts: Sequence[str], number: str) -> int:
    """Which of the lots with these starts, in order, the number is in; -1 for none."""
    return bisect_right(starts, lot_key(number)) - 1


_Run = list[str]
"""Numbers that follow each other."""
_Lot = tuple[str, list[_Run]]


def _arranged(ordered: Sequence[str], starts: Sequence[str]) -> list[_Lot]:
    arranged: list[_Lot] = []
    for lot in (part for given in _as_before(ordered, starts) for part in _split(given)):
        if arranged and len(arranged[-1][1]) + len(lot[1]) <= FULL_ENTRIES:
            arranged[-1] = (arranged[-1][0], arranged[-1][1] + lot[1])
        else:
            arranged.append(lot)
    return [("", arranged[0][1]), *arranged[1:]]


def _as_before(ordered: Sequence[str], starts: Sequence[str]) -> Iterator[_Lot]:
    keys = [lot_key(number) for number in ordered]
    bounds = [0, *(bisect_left(keys, start) for start in sorted(starts) if start), len(keys)]
    for begin, end in pairwise(bounds):
        if begin < end:
            yield keys[begin], list(_runs(ordered[begin:end]))


def _split(lot: _Lot) -> Iterator[_Lot]:
    start, runs = lot
    if len(runs) <= MOST_ENTRIES:
        yield lot
        return
    for begin in range(0, len(runs), FULL_ENTRIES):
        yield (lot_key(runs[begin][0]) if begin else start), runs[begin : begin + FULL_ENTRIES]


def _runs(ordered: Sequence[str]) -> Iterator[_Run]:
    run: _Run = []
    for number in ordered:
        if run and (len(number) != len(run[-1]) or int(number) != int(run[-1]) + 1):
            yield run
            run = []
        run.append(number)
    yield run


def _as_list(runs: Sequence[_Run], codes: Sequence[str]) -> TnAuthList:
    single = [run[0] for run in runs if len(run) == 1]
    return TnAuthList.of(single, [NumberRange(run[0], len(run)) for run in runs if len(run) > 1], codes)
