from collections.abc import AsyncGenerator

import pytest
from tests.surfaces.console.browser import Browser, Business, Visitors, make_business, make_operator, visitors

from callmark.domain.deps import Deps


@pytest.fixture
async def business(deps: Deps) -> Business:
    """Acme, with alice (admin), owners of each kind at their places, and a password all share."""
    return await make_business(deps)


@pytest.fixture
async def browse(deps: Deps) -> AsyncGenerator[Visitors]:
    """Browsers of the console: `browse()` for a stranger, `await browse.as_member(business.admin)` signed in."""
    async with visitors(deps) as made:
        yield made


@pytest.fixture
async def olive(deps: Deps, browse: Visitors) -> Browser:
    """An operator, signed in."""
    return await browse.as_operator(await make_operator(deps))
