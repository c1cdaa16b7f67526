"""Whether what was sampled over time is flat."""

import statistics
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

WARM_UP = 0.25
"""The share of the time in which caches fill; it is left out."""
SHARE = 0.05
"""What may come and go: the growth that the slope gives over the whole time, beside the middle value."""


class Sample(NamedTuple):
    """A value at an instant, in seconds since the beginning."""

    at_s: float
    value: float


class Trend(NamedTuple):
    """The middle of the first and of the last samples, and what the slope makes of the whole time."""

    first: float
    last: float
    growth: float
    allowance: float

    @property
    def is_flat(self) -> bool:
        return self.growth <= self.allowance


def peaks(samples: Sequence[Sample], each: int) -> list[Sample]:
    """The highest of each so many samples, of what rises and falls by itself and is seen at any height of it."""
    parts = [samples[at : at + each] for at in range(0, len(samples), each)]
    return [Sample(part[-1].at_s, max(one.value for one in part)) for part in parts]


def trend(samples: Sequence[Sample], least: float) -> Trend:
    """By the middle of all slopes between two samples (Theil and Sen), which single outliers do not move.

    Flat is a growth of at most a twentieth of the middle value, or of `least` if that is more. Four samples or more.
    """
    span = samples[-1].at_s - samples[0].at_s
    used = [one for one in samples if one.at_s - samples[0].at_s >= WARM_UP * span]
    slope = statistics.median((b.value - a.value) / (b.at_s - a.at_s) for a, b in combinations(used, 2))
    values = [one.value for one in used]
    few = max(1, len(values) // 4)
    allowance = max(SHARE * statistics.median(values), least)
    return Trend(statistics.median(values[:few]), statistics.median(values[-few:]), slope * span, allowance)
