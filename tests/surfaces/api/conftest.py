from collections.abc import AsyncGenerator

import pytest
from tests.surfaces.api.extending import Business, business

from callmark.domain.deps import Deps


@pytest.fixture
async def acme(deps: Deps) -> AsyncGenerator[Business]:
    """A business, and a client with its token."""
    async with business(deps) as made:
        yield made


@pytest.fixture
async def borealis(deps: Deps) -> AsyncGenerator[Business]:
    """Another one."""
    async with business(deps) as made:
        yield made
