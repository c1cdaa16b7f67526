"""A choice of one feature set: an account may have more of them than a list to choose from can hold."""

from collections.abc import Iterable

from msgspec import Struct

from callmark.domain.feature_sets.model import FeatureSetName
from callmark.record_rules.same_names import folded

MOST_OFFERED = 200


class SetChoice(Struct, frozen=True):
    """The feature sets to choose from: the first by name, of those with `named` in their name.

    `more` is how many it leaves out. `is_long`: there are more than it offers, so a search by name is beside it.
    """

    sets: list[FeatureSetName]
    named: str
    more: int
    is_long: bool


def choice_of(names: Iterable[FeatureSetName], named: str = "", chosen: str = "") -> SetChoice:
    """The choice among all `names`, which are in order; the one of the id `chosen` is always among those offered."""
    every = list(names)
    if is_long := len(every) > MOST_OFFERED:
        part = folded(named)
        fitting = [one for one in every if part in folded(one.name)]
    else:
        fitting = every
    offered = fitting[:MOST_OFFERED]
    if chosen and not any(str(one.id) == chosen for one in offered):
        offered = [one for one in every if str(one.id) == chosen] + offered
    return SetChoice(offered, named, len(fitting) - MOST_OFFERED if len(fitting) > MOST_OFFERED else 0, is_long)
