"""What tests of the programs share."""

from pathlib import Path

import pytest
from tests.processes.doctor import Doctor
from tests.support.engines import SECRET_KEY, Engines

from callmark.domain.deps import Deps
from callmark.kit.ports import free_port
from callmark.processes import doctor as doctor_, doctor_engines


@pytest.fixture
def doctor(engines: Engines, deps: Deps, deps_data: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Of an installation that is well: own engines, no process runs. What it asks has a minute to answer."""
    assert deps
    for module in (doctor_, doctor_engines):
        monkeypatch.setattr(module, "WITHIN_S", 60)
    variables = {"POSTGRES_DSN": engines.dsn, "NATS_URL": engines.nats_url, "SECRET_KEY": SECRET_KEY}
    variables |= {"DATA": str(deps_data), "PORT": str(free_port())}
    return Doctor({f"CALLMARK_{name}": value for name, value in variables.items()})
