"""Randomness that can be repeated: of the emulator, never of anything that must not be guessed (see `ids`)."""

from random import Random


def chance(*seed: object) -> Random:
    """One source for each `seed`, the same sequence in every process; without one, unpredictable."""
    return Random(":".join(map(str, seed)) if seed else None)  # noqa: S311 - nothing here is a secret
