from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.surfaces.emulator.running import Emulated, emulated

from callmark.domain.deps import Deps
from callmark.worker.run import prepare


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """A running emulator with its farm."""
    await prepare(deps)
    async with emulated(deps, tmp_path) as running:
        yield running
