"""How a virtual handset acts by its script: which pushes it loses, how its calls end. Repeatable by a seed."""

from random import Random
from typing import NamedTuple
from uuid import UUID

from callmark.domain.calls.model import CallEvent
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import MOST_RINGS, Script
from callmark.surfaces.emulator.state_queries import Faults

RING_S = 0.2
"""Real seconds of one ring: short, so that a scripted run is."""


class Ringing(NamedTuple):
    """How a call ends, and after how many rings."""

    rings: int
    outcome: CallEvent


def ringing(script: Script, wanted: CallEvent | None) -> Ringing:
    """A call with a `wanted` outcome ends at once; without one the script decides."""
    if wanted is not None:
        return Ringing(0, wanted)
    if script.rejects:
        return Ringing(1, CallEvent.REJECTED)
    if script.answers_after_rings:
        return Ringing(script.answers_after_rings, CallEvent.ANSWERED)
    return Ringing(MOST_RINGS, CallEvent.MISSED)


class Forgotten(NamedTuple):
    """The ids of records that a reset or a restored snapshot has forgotten: ids grow with the real clock."""

    after: UUID
    until: UUID


NOTHING_FORGOTTEN = Forgotten(UUID(int=0), UUID(int=0))


class Conditions:
    """What the control API has set for all handsets of the farm together."""

    def __init__(self) -> None:
        self.seed: int | None = None
        """What draws come from, as of `take_seed`."""
        self.forgotten = NOTHING_FORGOTTEN
        self._faults = Faults()
        self._pushes = 0

    def take_seed(self, seed: int | None) -> None:
        """Draws come from it from their next start on, and pushes are counted from one again."""
        self.seed, self._pushes = seed, 0

    def take_faults(self, faults: Faults) -> None:
        """These are in force from now on, and pushes are counted from one again."""
        self._faults, self._pushes = faults, 0

    def loses(self) -> bool:
        """Whether the push that has just come, to whichever handset, is lost."""
        self._pushes += 1
        return self._faults.drop_every > 0 and self._pushes % self._faults.drop_every == 0


class Behaviour:
    """What one handset counts and draws. Its draws come from the seed and its number alone, whatever others do."""

    __slots__ = ("_conditions", "_number", "_pushes", "_random")

    def __init__(self, number: PhoneNumber, conditions: Conditions) -> None:
        self._number = number
        self._conditions = conditions
        self.start_over()

    def start_over(self) -> None:
        """Counts from one and draws from the beginning."""
        seed = self._conditions.seed
        self._pushes = 0
        self._random = Random(None if seed is None else f"{seed}:{self._number}")  # noqa: S311 - nothing here is a secret

    def loses(self, script: Script) -> bool:
        """Whether the push that has just come is lost: by the script's count or share, or by the faults set for all."""
        self._pushes += 1
        counted = script.drop_every > 0 and self._pushes % script.drop_every == 0
        drawn = script.drop_share > 0 and self._random.random() < script.drop_share
        return self._conditions.loses() or counted or drawn

    def forgot(self, record_id: UUID) -> bool:
        """Whether a reset has forgotten this record: its push was under way."""
        forgotten = self._conditions.forgotten
        return forgotten.after <= record_id < forgotten.until
