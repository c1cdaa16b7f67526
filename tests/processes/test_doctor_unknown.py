"""What `callmark doctor` cannot or need not ask, and packages that are missing."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.processes.doctor import Doctor, execute
from tests.support.engines import Engines
from tests.surfaces.gateway.fake_fcm import credentials

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.kit.postgres.migrate import head

ENGINES = ("CALLMARK_POSTGRES_DSN", "CALLMARK_NATS_URL")


async def test_a_copy_needs_no_mail_server(doctor: Doctor, engines: Engines, deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="a@acme.example", subject="Hi", text="Hi", html="Hi", now=deps.real_clock.now())
    assert (await doctor.problem()).name == "mail"
    await execute(engines, "UPDATE installation SET held_at = now()")
    found = (await doctor.examine())["mail"]
    assert (found.ok, found.detail) == (True, "no mail server is needed: a copy sends none; 1 email waits")


async def test_what_is_embedded_where_nothing_runs_is_said_to_be_unknown(doctor: Doctor, deps_data: Path) -> None:
    embedded = Doctor({name: value for name, value in doctor.variables.items() if name not in ENGINES})
    found = await embedded.examine()
    for name in ("postgresql", "nats"):
        assert (found[name].checked, found[name].ok) == (False, True)
        assert f"nothing runs on {deps_data}" in found[name].detail
    assert "object store" in found
    assert "unknown  postgresql: not checked: it is embedded" in await embedded.text()
    assert not await asyncio.to_thread(deps_data.exists)
    half = await Doctor({name: value for name, value in doctor.variables.items() if name != ENGINES[1]}).examine()
    assert (half["postgresql"].checked, half["nats"].checked) == (True, False)
    assert half["schema"].ok


async def test_packages_or_variables_for_traces_that_cannot_be_used_where_traces_are_wanted(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "http://127.0.0.1:4318"
    assert (await doctor.examine(otlp_endpoint=endpoint))["tracing"].ok
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")
    wrong = await doctor.problem(otlp_endpoint=endpoint)
    assert wrong.name == "tracing"
    assert wrong.detail == "OTEL_BSP_MAX_QUEUE_SIZE is invalid: it must be a whole number from 1"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert (await doctor.examine(otlp_endpoint=endpoint))["tracing"].detail == "off: OTEL_SDK_DISABLED is true"
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.delenv("OTEL_BSP_MAX_QUEUE_SIZE")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)  # as where it is not installed
    missing = await doctor.problem(otlp_endpoint=endpoint)
    assert missing.name == "tracing"
    assert "pip install 'callmark[server,tracing]'" in missing.advice
    assert "tracing" not in await doctor.examine()


async def test_credentials_of_a_push_service_that_cannot_be_used(doctor: Doctor, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    wrong = await doctor.problem(fcm_credentials_file=str(path))
    assert (wrong.name, wrong.detail) == (
        "push service",
        f"CALLMARK_FCM_CREDENTIALS_FILE: cannot read {path}: No such file or directory",
    )
    path.write_text(json.dumps(credentials("https://fcm.example")))
    found = (await doctor.examine(fcm_credentials_file=str(path)))["push service"]
    assert (found.ok, found.detail) == (True, f"{path} is a service account of ring-app")


async def test_steps_of_an_upgrade_that_nobody_ran(doctor: Doctor, engines: Engines) -> None:
    await execute(engines, "DELETE FROM schema_migration WHERE number IN (48, 51)")
    for ok, left in ((True, "0048, 0051"), (False, "0046, 0048, 0051")):  # without the first nothing starts
        found = (await doctor.examine())["schema"]
        assert (found.ok, found.detail) == (ok, f"at {head()}; not run yet: {left}")
        assert found.advice == "Run `callmark migrate` when no process of an older version is left."
        await execute(engines, "DELETE FROM schema_migration WHERE number = 46")
