"""Every recorded sample, against our server in this process."""

import json
from pathlib import Path

import pytest
from tests.contract.cast import Cast
from tests.contract.play import Player, TablePlayer, in_process
from tests.contract.templates import Json
from tests.support.cases import for_each

from callmark.domain.deps import Deps

pytestmark = pytest.mark.usefixtures("unhurried_pushes")

HERE = Path(__file__).parent
SAMPLES: dict[str, Json] = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in sorted(HERE.glob("*/*.json"))
}
STEPS = [name for name, sample in SAMPLES.items() if "steps" in sample]
TABLES = [name for name, sample in SAMPLES.items() if "cases" in sample]
ONLINE = {"919900000001": "online"}


@pytest.mark.parametrize("name", STEPS)
async def test_the_server_answers_as_recorded(deps: Deps, name: str) -> None:
    sample = SAMPLES[name]
    cast = Cast(deps, sample)
    async with in_process(cast.deps) as send:
        try:
            await cast.enter()
            await Player(cast, send).steps(sample["steps"])
        finally:
            await cast.leave()


@pytest.mark.parametrize("name", TABLES)
async def test_every_record_of_a_table_fares_as_recorded(deps: Deps, subtests: pytest.Subtests, name: str) -> None:
    sample = {"given": {"handsets": ONLINE}} | SAMPLES[name]
    cast = Cast(deps, sample)
    async with in_process(cast.deps) as send:
        try:
            await cast.enter()
            player = TablePlayer(cast, send, sample)
            for way in (player.real_time, player.bulk):
                with subtests.test(way=way.__name__):
                    await way()
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
