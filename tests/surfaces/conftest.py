"""What every test of a surface shares: passwords are cheap, and what pages are made of is read once."""

from collections.abc import Generator
from functools import cache
from typing import Any

import pytest

from callmark.domain.sessions import passwords
from callmark.surfaces import assets
from callmark.surfaces.console import pages


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Generator[None]:
    """Hashes of little memory; what the product's cost is, `tests/domain/sessions/test_passwords.py` says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_MEMORY_KIB", 64)
        patch.setattr(passwords, "_ITERATIONS", 1)
        yield


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
