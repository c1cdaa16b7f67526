"""One network for all tests of a module: keys are dear to make, and nothing changes it."""

import pytest
from tests.passport.parties import Network, make_network


@pytest.fixture(scope="module")
def network() -> Network:
    return make_network()
