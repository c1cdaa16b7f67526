"""How an operator's command gets at the installation."""

from pathlib import Path

import pytest
from tests.support.engines import Engines
from tests.support.way_to_postgres import way_to_postgres

from callmark.domain.deps import Deps
from callmark.kit import heartbeats
from callmark.kit.postgres.database import ACQUIRE_TIMEOUT_S
from callmark.processes.compose import open_operator_deps


async def test_a_server_that_lets_it_in_late_is_waited_for(
    deps: Deps, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with way_to_postgres(deps) as way:
        monkeypatch.setenv("CALLMARK_POSTGRES_DSN", way.dsn)
        monkeypatch.setenv("CALLMARK_NATS_URL", engines.nats_url)
        monkeypatch.setenv("CALLMARK_DATA", str(tmp_path / "here"))
        async with way.slow(ACQUIRE_TIMEOUT_S + 0.3), open_operator_deps() as opened, opened.db.connection() as tx:
            assert await tx.fetchval("SELECT count(*) FROM installation") == 1


async def test_a_start_that_fails_at_its_end_leaves_no_process_behind(
    deps: Deps, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLMARK_POSTGRES_DSN", engines.dsn)
    monkeypatch.setenv("CALLMARK_NATS_URL", engines.nats_url)
    monkeypatch.setenv("CALLMARK_DATA", str(tmp_path / "here"))
    with monkeypatch.context() as patched:
        patched.delattr(heartbeats, "FORGOTTEN_AFTER")  # used once its own row is written
        with pytest.raises(NameError):
            async with open_operator_deps():
                raise AssertionError("it started")
    assert await heartbeats.heartbeats(deps.db) == []
