"""Fixtures of the tests of workers."""

from collections.abc import AsyncGenerator

import pytest
from tests.kit.chores import Chores
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps


@pytest.fixture
async def chores(deps: Deps, clock: FakeClock) -> AsyncGenerator[Chores]:
    made = Chores(deps, clock)
    yield made
    async with deps.db.connection() as tx:
        await tx.execute(f"DROP TABLE IF EXISTS {made.table}")
