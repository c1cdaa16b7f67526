"""A running emulator with its handsets, and an account whose programs run against it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.client.conftest import Platform, options_of
from tests.support.databases import Databases
from tests.support.factories import make_cast
from tests.surfaces.emulator.running import emulated

from callmark.domain.deps import Deps
from callmark.processes.worker import prepare


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Most tests here prepare the platform, which then finds its days made."""
    return databases_with_days


@pytest.fixture
async def platform(deps: Deps, tmp_path: Path, unhurried_pushes: None) -> AsyncGenerator[Platform]:
    """The platform on this test's engines."""
    await prepare(deps)
    async with emulated(deps, tmp_path, magic=True, acks_within_s=60) as running:
        cast = await make_cast(running.deps)
        yield Platform(running, cast, options_of(running, cast))


@pytest.fixture
def environ(platform: Platform) -> dict[str, str]:
    """The variables that programs of the account are started with."""
    return {f"CALLMARK_{name.upper()}": value for name, value in platform.options.items()}
