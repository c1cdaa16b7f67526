"""What a process gets when it is put together."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.support.engines import Engines
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.clock import SystemClock
from callmark.kit.secret_key import FILE, make_key
from callmark.kit.settings import Secret, read_settings
from callmark.processes import compose


async def test_what_is_put_together_for_a_process_knows_of_its_clock(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "SystemClock", lambda: FakeClock(SystemClock().now() + timedelta(days=60)))
    settings = msgspec.structs.replace(deps.settings, postgres_dsn=Secret(engines.dsn))
    async with compose.open_deps(settings, "worker", connected_within_s=PATIENT_S) as running:
        assert running.health.clock_trouble()


@pytest.mark.parametrize("old", ["", "o" * 32])
@pytest.mark.parametrize("is_there", [True, False])
async def test_an_old_secret_key_does_not_become_that_of_a_new_installation(
    engines: Engines, tmp_path: Path, old: str, *, is_there: bool
) -> None:
    data = tmp_path / "here"
    kept = make_key(data).reveal() if is_there else None
    settings = read_settings(
        {"CALLMARK_OLD_SECRET_KEY": old}, data=data, postgres_dsn=engines.dsn, nats_url=engines.nats_url
    )
    async with compose.open_deps(settings, "test", connected_within_s=PATIENT_S) as first:
        assert first.settings.secret_key
        made = first.settings.secret_key.reveal()
    assert made == (kept or (data / FILE).read_text())
    later = read_settings({}, data=data, postgres_dsn=engines.dsn, nats_url=engines.nats_url)
    async with compose.open_deps(later, "test", connected_within_s=PATIENT_S) as second:
        assert second.settings.secret_key
        assert second.settings.secret_key.reveal() == made
