"""What tests of alerts share: a process that has answered nothing yet, and databases with days."""

import pytest
from tests.support.databases import Databases
from tests.support.metrics_page import forget_requests


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Here a worker has made its days."""
    return databases_with_days


@pytest.fixture(scope="module", autouse=True)
def _young() -> None:
    forget_requests()
