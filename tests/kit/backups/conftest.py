"""Fixtures of tests of backups."""

from collections.abc import AsyncGenerator

import pytest
from tests.support.engines import Engines, empty_database


@pytest.fixture
async def empty(engines: Engines) -> AsyncGenerator[str]:
    """A database without any table."""
    async with empty_database(engines.dsn) as dsn:
        yield dsn
