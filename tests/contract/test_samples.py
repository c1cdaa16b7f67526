"""Every recorded sample, against our server in this process."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.cast import Cast
from tests.contract.play import Player, Send, TablePlayer, in_process
from tests.contract.templates import Json
from tests.support.cases import for_each

from callmark.domain.deps import Deps

pytestmark = pytest.mark.usefixtures("unhurried_pushes")

HERE = Path(__file__).parent
SAMPLES: dict[str, Json] = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in sorted(HERE.glob("*/*.json"))
}
ONLINE = {"919900000001": "online"}


def _beside_each_other(has: str, handsets: Mapping[str, str]) -> dict[str, list[str]]:
    """Samples of each folder that have the same handsets: those of others would be registered already."""
    groups: dict[str, list[str]] = {}
    for name, sample in SAMPLES.items():
        if has in sample:
            given = sample.get("given", {}).get("handsets", handsets)
            groups.setdefault(f"{name.partition('/')[0]} with {','.join(given.values()) or 'nobody'}", []).append(name)
    return groups


STEPS = _beside_each_other("steps", {})
TABLES = _beside_each_other("cases", ONLINE)
"""Samples that one installation can play after each other: every sample has businesses of its own."""


@pytest.mark.parametrize("group", STEPS)
async def test_the_server_answers_as_recorded(deps: Deps, subtests: pytest.Subtests, group: str) -> None:
    for name in STEPS[group]:
        with subtests.test(sample=name):
            async with _entered(deps, sample := SAMPLES[name]) as (cast, send):
                await Player(cast, send).steps(sample["steps"])


@pytest.mark.parametrize("group", TABLES)
async def test_every_record_of_a_table_fares_as_recorded(deps: Deps, subtests: pytest.Subtests, group: str) -> None:
    for name in TABLES[group]:
        sample = {"given": {"handsets": ONLINE}} | SAMPLES[name]
        async with _entered(deps, sample) as (cast, send):
            player = TablePlayer(cast, send, sample)
            for way in (player.real_time, player.bulk):
                with subtests.test(sample=name, way=way.__name__):
                    await way()


@asynccontextmanager
async def _entered(deps: Deps, sample: Json) -> AsyncGenerator[tuple[Cast, Send]]:
    cast = Cast(deps, sample)
    async with in_process(cast.deps) as send:
        try:
            await cast.enter()
            yield cast, send
        finally:
            await cast.leave()


@for_each(SAMPLES)
def test_a_sample_says_what_it_stands_for(name: str) -> None:
    sample = SAMPLES[name]
    assert sample["source"]
    assert sample["says"].endswith(".")
    assert ("steps" in sample) != ("cases" in sample)
    cases = [case["name"] for case in sample.get("cases", [])]
    assert len(cases) == len(set(cases))
