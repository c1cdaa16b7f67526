"""What tests of alerts share: a process that has answered nothing yet."""

import pytest
from tests.scraping import forget_requests


@pytest.fixture(scope="module", autouse=True)
def _young() -> None:
    forget_requests()
