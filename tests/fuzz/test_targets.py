"""Each target of `make fuzz` over its seeds and mutations of them: what is slower than a second runs there."""

import pytest
from fuzz.mutating import mutated
from fuzz.seeds import CORPUS, seeds_of
from fuzz.targets import TARGETS

MUTATIONS = {
    "workbooks": 40,
    "pictures": 60,
    "lists": 60,
    "phones": 120,
    "heads": 60,
    "frames": 60,
    "certificates": 100,
}
"""Of those whose inputs take longer; 200 of the others."""


def test_every_target_has_seeds() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert all(seeds_of(name) for name in TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_keep_the_promises(name: str) -> None:
    for seed in seeds_of(name):
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_seeds_keep_the_promises(name: str) -> None:
    for data in mutated(seeds_of(name), MUTATIONS.get(name, 200), seed=15):
        try:
            TARGETS[name](data)
        except BaseException as exc:
            exc.add_note(f"input: {data!r}")
            raise
