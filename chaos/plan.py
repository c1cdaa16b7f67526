"""What happens in each cycle: which operations and which faults, and when. The same seed gives the same plan."""

import random
from collections.abc import Iterator, Sequence

from msgspec import Struct

LOAD_S = 1.1
"""For so long operations begin in a cycle."""
OPERATIONS = 36
DEEP_EVERY = 20
"""Each so many cycles, and at the end, everything comes to rest before it is checked."""

OPERATION_KINDS = {
    "bulk": 4,
    "real time": 12,
    "repeated push": 3,
    "client library": 2,
    "client library, many": 1,
    "cancel": 2,
    "resolve": 4,
    "call": 2,
    "callback": 4,
    "feedback": 3,
    "list numbers": 2,
    "delist numbers": 2,
    "change": 3,
    "change on the console": 1,
    "download": 1,
    "burst over a limit": 1,
}
"""Each kind, and how often beside the others."""

FAULT_KINDS = {
    "kill api": 6,
    "kill gateway": 6,
    "kill worker": 6,
    "kill supervisor": 2,
    "kill nats": 6,
    "kill postgresql": 5,
    "kill everything": 1,
    "stop api": 4,
    "stop gateway": 4,
    "stop worker": 4,
    "stop supervisor": 2,
    "stop nats": 4,
    "stop postgresql": 4,
    "full disk": 4,
    "cut postgresql": 5,
    "cut nats": 5,
    "delay postgresql": 4,
    "delay nats": 4,
    "halve postgresql": 4,
    "halve nats": 4,
    "refuse postgresql": 3,
    "refuse nats": 3,
    "slow receiver": 4,
    "hanging receiver": 3,
    "failing receiver": 4,
    "resetting receiver": 4,
    "clock jump": 4,
}


class Planned(Struct, frozen=True):
    """Something that begins at `at_s` of its cycle. `draw` decides all the rest of it."""

    kind: str
    at_s: float
    draw: int
    for_s: float = 0.0


class Cycle(Struct, frozen=True):
    """A cycle's operations and faults, each in order of time."""

    number: int
    operations: Sequence[Planned]
    faults: Sequence[Planned]
    deep: bool


def planned(seed: int, cycles: int, fault_kinds: Sequence[str]) -> Iterator[Cycle]:
    """The plan of a run with faults of these kinds. Each cycle is drawn on its own, so that any can be repeated."""
    weights = {kind: FAULT_KINDS[kind] for kind in fault_kinds}
    for number in range(1, cycles + 1):
        chance = random.Random(f"{seed}:{number}")
        operations = [
            Planned(kind, round(chance.uniform(0, LOAD_S), 3), chance.getrandbits(32))
            for kind in chance.choices(list(OPERATION_KINDS), list(OPERATION_KINDS.values()), k=OPERATIONS)
        ]
        faults = [
            Planned(
                kind,
                round(chance.uniform(0.1, LOAD_S * 0.6), 3),
                chance.getrandbits(32),
                round(chance.uniform(0.2, 0.9), 3),
            )
            for kind in _distinct(chance, weights)
        ]
        deep = number % DEEP_EVERY == 0 or number == cycles
        yield Cycle(number, sorted(operations, key=_begin), sorted(faults, key=_begin), deep)


def _begin(one: Planned) -> float:
    return one.at_s


def _distinct(chance: random.Random, weights: dict[str, int]) -> list[str]:
    """One fault, or two of different parts."""
    if not weights:
        return []
    first, second = chance.choices(list(weights), list(weights.values()), k=2)
    return [first] if chance.random() < 0.6 or first.split()[-1] == second.split()[-1] else [first, second]
