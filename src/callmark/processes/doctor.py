"""`callmark doctor`: looks at settings, engines, clock and disk, and says what to do."""

import asyncio
import os
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import click
import httpx
import msgspec

from callmark.domain.mail import service as mail
from callmark.kit import checks
from callmark.kit.checks import CheckResult
from callmark.kit.clock import SystemClock
from callmark.kit.db import connect
from callmark.kit.engines.binaries import OLDEST_NATS, choose_postgres, find_nats, program_version
from callmark.kit.engines.data_directory import read_installation
from callmark.kit.engines.postgres import data_version
from callmark.kit.errors import EngineRefuses, SetupError, Unavailable
from callmark.kit.fastpath.nats_client import SteadyClient
from callmark.kit.health import Check
from callmark.kit.heartbeats import heartbeats_of
from callmark.kit.nats_servers import NatsAccess, seeds, version_of
from callmark.kit.settings import Settings, read_settings
from callmark.processes.commands import DATA
from callmark.processes.compose import reach
from callmark.surfaces import assets


@click.command()
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of lines.")
@click.pass_context
def doctor(context: click.Context, data: Path | None, *, as_json: bool) -> None:
    """Checks this installation and says what to do; exit status 1 when something is wrong."""
    found = asyncio.run(examine(data))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for finding in found:
            click.echo(f"{'ok      ' if finding.ok else 'problem '} {finding.name}: {finding.detail}")
            if finding.advice:
                click.echo(f"         {finding.advice}")
    context.exit(0 if all(finding.ok for finding in found) else 1)


async def examine(data: Path | None) -> list[CheckResult]:
    """Every check, in the order in which a start needs it."""
    try:
        settings = read_settings(data=data)
    except SetupError as exc:
        return [CheckResult("settings", ok=False, detail=exc.message, advice="Correct or unset that variable.")]
    findings = [CheckResult("settings", ok=True, detail="all variables are known and valid"), _static_files()]
    if settings.embedded_postgres or settings.embedded_nats:
        findings += [
            _postgres_programs(settings),
            _nats_program(settings),
            _data_directory(settings),
            checks.disk(settings.data),
        ]
    try:
        settings = reach(settings)
    except SetupError as exc:
        return [*findings, CheckResult("installation", ok=True, detail=f"{exc.message} (engines not checked)")]
    findings += [finding async for finding in _postgres(settings)]
    return [*findings, await _nats(settings), *await _parts(settings)]


def _postgres_programs(settings: Settings) -> CheckResult:
    if not settings.embedded_postgres:
        return CheckResult("postgresql programs", ok=True, detail="not needed: CALLMARK_POSTGRES_DSN is set")
    try:
        found = choose_postgres(settings.postgres_bin, data_version(settings.data / "postgres"))
    except PermissionError:
        return CheckResult(
            "postgresql programs", ok=False, detail=f"{settings.data} belongs to another user", advice=_AS_OWNER
        )
    except SetupError as exc:
        return CheckResult("postgresql programs", ok=False, detail="no suitable version found", advice=exc.message)
    return CheckResult(
        "postgresql programs", ok=True, detail=f"version {found.major} of {found.origin}, {found.bin_dir}"
    )


def _nats_program(settings: Settings) -> CheckResult:
    if not settings.embedded_nats:
        return CheckResult("nats program", ok=True, detail="not needed: CALLMARK_NATS_URL is set")
    try:
        program = find_nats(settings.nats_bin)
    except SetupError as exc:
        return CheckResult("nats program", ok=False, detail="none found", advice=exc.message)
    version = program_version(program)
    text = ".".join(map(str, version)) or "unknown version"
    if version < OLDEST_NATS:
        return CheckResult(
            "nats program", ok=False, detail=f"{program} is {text}", advice="Install version 2.10 or newer."
        )
    return CheckResult("nats program", ok=True, detail=f"version {text}, {program}")


_AS_OWNER = "Run this command as the user who started the installation."


def _data_directory(settings: Settings) -> CheckResult:
    path = settings.data
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return CheckResult(
            "data directory",
            ok=False,
            detail=f"{nearest} is not writable",
            advice="Choose another directory with --data (CALLMARK_DATA), or run as the user who owns this one.",
        )
    if path.exists() and path.stat().st_mode & 0o007:
        return CheckResult(
            "data directory", ok=False, detail=f"{path} is open to other users", advice=f"Run: chmod o-rwx {path}"
        )
    return CheckResult("data directory", ok=True, detail=f"{path}{'' if path.exists() else ' (will be created)'}")


async def _postgres(settings: Settings) -> AsyncGenerator[CheckResult]:
    try:
        async with connect(settings.reached_postgres, within=timedelta(seconds=5)) as tx:
            schema = await checks.schema(tx)
            for finding in (await checks.postgres_version(tx), schema, await checks.clock(tx, SystemClock())):
                yield finding
            if schema.ok:
                yield await checks.secret_key(tx, settings)
                yield await mail.check(tx, settings)
                yield await checks.outgoing(tx)
                yield checks.alive(await heartbeats_of(tx, SystemClock()))
    except EngineRefuses as exc:
        detail = exc.reason.removeprefix("postgresql: ")
        yield CheckResult("postgresql", ok=False, detail=detail, advice=exc.advice)
    except Unavailable as exc:
        yield CheckResult(
            "postgresql",
            ok=False,
            detail=exc.reason.removeprefix("postgresql: "),
            advice="Start the server, or correct CALLMARK_POSTGRES_DSN.",
        )
    except Exception as exc:  # noqa: BLE001 - whatever the server refuses us with is what we are here to show
        yield CheckResult(
            "postgresql", ok=False, detail=str(exc), advice="Correct CALLMARK_POSTGRES_DSN or the server's rights."
        )


async def _parts(settings: Settings) -> list[CheckResult]:
    """What the installation that runs on the data directory says of its parts."""
    try:
        urls = read_installation(settings.data).admin_urls
    except SetupError:
        return []
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        for url in urls:
            try:
                found = msgspec.json.decode((await http.get(f"{url}/readyz/all")).content, type=_Readiness)
            except (httpx.HTTPError, msgspec.DecodeError):
                continue
            wrong = [CheckResult(c.name, ok=False, detail=c.reason, advice=_SEE_LOG) for c in found.checks if not c.ok]
            return wrong or [CheckResult("parts", ok=True, detail="all are working")]
    return [CheckResult("parts", ok=False, detail="no process answers on its admin port", advice=_SEE_LOG)]


class _Readiness(msgspec.Struct):
    """What `/readyz` answers."""

    ready: bool
    checks: list[Check]


_SEE_LOG = "See the log of `callmark serve` for details."


def _static_files() -> CheckResult:
    if missing := assets.missing():
        return CheckResult(
            "static files",
            ok=False,
            detail=f"missing: {', '.join(missing)}",
            advice="Pages will be broken. In a clone, run `make assets`; otherwise reinstall the package.",
        )
    return CheckResult("static files", ok=True, detail="all present")


async def _nats(settings: Settings) -> CheckResult:
    access = NatsAccess.of(settings)
    client = SteadyClient(access)
    tries: list[str] = []

    async def note(exc: Exception) -> None:
        tries.append(str(exc))

    try:
        access.check()
        async with asyncio.timeout(5):
            await client.connect(
                seeds(settings.reached_nats),
                **access.options(),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=note,
            )
        version = version_of(str(client.connected_server_version))
        await client.close()
    except SetupError as exc:
        return CheckResult("nats", ok=False, detail=exc.message, advice="Correct that setting.")
    except Exception as exc:  # noqa: BLE001 - whatever it is, is what we are here to show
        detail = next((said for said in reversed(tries) if said), str(exc) or "no answer within 5 s")
        return CheckResult("nats", ok=False, detail=detail, advice="Start the server, or correct CALLMARK_NATS_URL.")
    return checks.nats(version)
