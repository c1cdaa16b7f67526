"""What a process gets when it is put together."""

from datetime import timedelta

import msgspec
import pytest
from tests.support.engines import Engines
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.clock import SystemClock
from callmark.kit.settings import Secret
from callmark.processes import compose


async def test_what_is_put_together_for_a_process_knows_of_its_clock(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "SystemClock", lambda: FakeClock(SystemClock().now() + timedelta(days=60)))
    settings = msgspec.structs.replace(deps.settings, postgres_dsn=Secret(engines.dsn))
    async with compose.open_deps(settings, "worker", connected_within_s=PATIENT_S) as running:
        assert running.health.clock_trouble()
