"""What every test of a surface shares: what pages are made of is read once."""

from collections.abc import Generator
from functools import cache
from typing import Any

import pytest

from callmark.surfaces import assets
from callmark.surfaces.console import pages


@pytest.fixture(scope="module", autouse=True)
def pages_read_once() -> Generator[None]:
    """A page looks at many files, whether somebody has changed them; here nobody does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pages.env.globals, "static", cache(assets.url))
        yield


@pytest.fixture
def turn(pytestconfig: pytest.Config) -> int:
    """Which of the pairs of routes and nasty values this run asks: another run, with another seed, asks others."""
    seed: Any = pytestconfig.getoption("randomly_seed", 0)
    return int(seed)
