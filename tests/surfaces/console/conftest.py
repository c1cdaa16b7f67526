from collections.abc import AsyncGenerator

import pytest
from tests.support.mail_settings import with_mail_server
from tests.surfaces.console.browser import Browser, Business, Visitors, make_business, make_operator, visitors

from callmark.domain.deps import Deps


@pytest.fixture(name="deps")
def deps_with_mail_server(deps: Deps) -> Deps:
    """Emails leave, as the pages then say."""
    return with_mail_server(deps)


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
