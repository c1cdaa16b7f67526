"""What a process gets when it is put together."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import msgspec
import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import patiently

from callmark.domain.deps import Deps
from callmark.kit.clock import SystemClock
from callmark.kit.engines.postgres import ROLE
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import Database, connect, own_names
from callmark.kit.postgres.dsn import PostgresDsn
from callmark.kit.secret_key import FILE, make_key
from callmark.kit.settings import Secret, read_settings, to_environ
from callmark.processes import compose


async def test_what_is_put_together_for_a_process_knows_of_its_clock(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "SystemClock", lambda: FakeClock(SystemClock().now() + timedelta(days=60)))
    settings = msgspec.structs.replace(deps.settings, postgres_dsn=Secret(engines.dsn))
    async with compose.open_deps(settings, "worker", connected_within_s=PATIENT_S) as running:
        assert running.health.clock_trouble()


@pytest.fixture
async def login(engines: Engines) -> AsyncGenerator[str]:
    """A role that logs in with the password `first` and acts as the owner."""
    name = own_names(f"login_{random_text(8).lower()}")
    async with connect(engines.dsn) as owner:
        await owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE {ROLE} PASSWORD 'first'")
        await owner.execute(f"ALTER ROLE {name} SET role = {ROLE}")
        yield name
        await owner.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("has_standby", [False, True])
async def test_a_password_that_its_file_has_by_now_is_used_without_a_restart(
    deps: Deps, engines: Engines, login: LiteralString, tmp_path: Path, *, has_standby: bool
) -> None:
    """Of the two servers one is away meanwhile."""
    own, file = PostgresDsn.parse(engines.dsn), tmp_path / "dsn"
    (here,) = own.each_host()
    hosts = f"host={here.name},{tmp_path}" if has_standby else f"host={here.name}"
    dsn = str(own._replace(user=f"{login}:{{}}", query=f"{hosts}&port={here.port}&sslmode=disable"))
    file.write_text(dsn.format("first"))
    given = {"CALLMARK_POSTGRES_DSN_FILE": str(file), "CALLMARK_DATA": str(deps.settings.data)}
    settings = read_settings(given, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    async with (
        compose.open_deps(read_settings(to_environ(settings)), "test", connected_within_s=PATIENT_S) as running,
        connect(engines.dsn) as owner,
    ):
        file.write_text(dsn.format("second"))
        await owner.execute(f"ALTER ROLE {login} PASSWORD 'second'")
        await owner.fetch("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = $1", login)
        assert await patiently(lambda: _user(running.db)) == login


async def _user(db: Database) -> str:
    async with db.connection() as tx:
        return await tx.fetchval("SELECT session_user::text")


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
