from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support.databases import Databases
from tests.surfaces.emulator.running import Emulated, emulated

from callmark.domain.deps import Deps
from callmark.processes.worker import prepare


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Most tests here prepare the platform, which then finds its days made."""
    return databases_with_days


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """A running emulator with its farm, without magic receivers."""
    await prepare(deps)
    async with emulated(deps, tmp_path) as running:
        yield running


@pytest.fixture
async def magic_emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """A running emulator whose farm has every magic receiver."""
    await prepare(deps)
    async with emulated(deps, tmp_path, magic=True) as running:
        yield running
