"""`callmark doctor`: looks at settings, engines, clock and disk, and says what to do."""

import asyncio
from errno import EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path

import click
import httpx
import msgspec

from callmark.broken_json import NOT_JSON
from callmark.kit import checks
from callmark.kit.checks import CheckResult
from callmark.kit.disk_room import nearest_place, says_full
from callmark.kit.engines.binaries import OLDEST_NATS, choose_postgres, find_nats, program_version
from callmark.kit.engines.data_directory import DataDirectory, NothingRuns, read_installation
from callmark.kit.engines.postgres import data_version
from callmark.kit.errors import SetupError
from callmark.kit.exit_status import AnsweringCommand
from callmark.kit.health import Check
from callmark.kit.outbound.fcm import read_service_account
from callmark.kit.own_servers import httpx_verify
from callmark.kit.roles import HTTP_ROLES
from callmark.kit.settings import Settings, read_settings
from callmark.kit.settings.addresses import http_url
from callmark.kit.telemetry import tracing
from callmark.processes.doctor_engines import WITHIN_S, check_nats, check_object_store, check_postgres
from callmark.processes.ports import open_socket
from callmark.processes.reach import public_url, reach
from callmark.surfaces import assets
from callmark.surfaces.cli.options import data_option, json_option


@click.command(cls=AnsweringCommand)
@data_option
@json_option
@click.pass_context
def doctor(context: click.Context, data: Path | None, *, as_json: bool) -> None:
    """Checks this installation and says what to do; exit status 1 when something is wrong, 2 when it cannot look."""
    found = asyncio.run(examine(data))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for finding in found:
            click.echo(f"{_mark(finding)} {finding.name}: {finding.detail}")
            if finding.advice:
                click.echo(f"         {finding.advice}")
    context.exit(0 if all(finding.ok for finding in found) else 1)


def _mark(finding: CheckResult) -> str:
    if not finding.checked:
        return "unknown "
    return "ok      " if finding.ok else "problem "


async def examine(data: Path | None) -> list[CheckResult]:
    """Every check, in the order in which a start needs it."""
    try:
        settings = read_settings(data=data)
    except SetupError as exc:
        return [CheckResult("settings", ok=False, detail=exc.message, advice="Correct or unset that variable.")]
    findings = [CheckResult("settings", ok=True, detail="all variables are known and valid")]
    findings += [_static_files(), checks.time_zones()]
    findings += [_tracing(settings.otlp_endpoint)] if settings.otlp_endpoint else []
    findings += [_push_service(settings.fcm_credentials_file)] if settings.fcm_credentials_file else []
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
        said = _no_installation(exc)
        findings += [] if any(one.detail == said.detail for one in findings) else [said]
        return [*findings, *await _own_engines(settings), *await _ports(settings)]
    findings += [finding async for finding in check_postgres(settings)]
    findings += [await check_nats(settings), await check_object_store(settings)]
    parts = await _parts(settings)
    asked = any(finding.checked for finding in parts)
    return [*findings, *parts, *([] if asked else await _ports(settings))]


async def _own_engines(settings: Settings) -> list[CheckResult]:
    """What can be asked where nothing runs: embedded engines are started by `callmark serve`, and by nobody else."""
    found: list[CheckResult] = []
    if settings.postgres_dsn:
        found += [finding async for finding in check_postgres(settings)]
    else:
        found.append(_not_checked("postgresql", settings))
    found.append(await check_nats(settings) if settings.nats_url else _not_checked("nats", settings))
    return [*found, await check_object_store(settings)]


def _no_installation(exc: SetupError) -> CheckResult:
    if isinstance(exc, NothingRuns):
        return CheckResult("installation", ok=True, detail=exc.message)
    return _cut("installation", exc)


def _cut(name: str, exc: SetupError) -> CheckResult:
    """What is wrong with a data directory, and behind the last semicolon the advice: its path may have others."""
    detail, _, advice = exc.message.rpartition("; ")
    return CheckResult(name, ok=False, detail=detail, advice=f"{advice[:1].upper()}{advice[1:]}.")


def _not_checked(name: str, settings: Settings) -> CheckResult:
    why = f"not checked: it is embedded, and nothing runs on {settings.data}. Start it, then run this command again"
    return CheckResult(name, ok=True, detail=why, checked=False)


def _tracing(endpoint: str) -> CheckResult:
    if tracing.is_disabled():
        return CheckResult("tracing", ok=True, detail="off: OTEL_SDK_DISABLED is true")
    try:
        tracing.check(endpoint)
    except tracing.NotInstalledError as exc:
        advice = f"Run: {tracing.INSTALL}. Or unset CALLMARK_OTLP_ENDPOINT."
        return CheckResult("tracing", ok=False, detail=exc.message.partition(": ")[0], advice=advice)
    except SetupError as exc:
        return CheckResult("tracing", ok=False, detail=exc.message, advice="Correct or unset what is named.")
    return CheckResult("tracing", ok=True, detail="its packages are installed, and OpenTelemetry's variables are valid")


def _push_service(path: Path) -> CheckResult:
    try:
        account = read_service_account(path)
    except SetupError as exc:
        return CheckResult("push service", ok=False, detail=exc.message, advice=_CORRECT_ACCOUNT)
    return CheckResult("push service", ok=True, detail=f"{path} is a service account of {account.project_id}")


_CORRECT_ACCOUNT = (
    "Put the service account's file there, so that the service's user can read it, or unset"
    " CALLMARK_FCM_CREDENTIALS_FILE. Then restart the workers."
)


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


_FREE_SPACE = "Free some space there, or name a directory on another disk with --data (CALLMARK_DATA)."
_OTHER_DATA = "Choose another directory with --data (CALLMARK_DATA), or run as the user who owns this one."
_AS_OWNER = "Run this command as the user who started the installation."


def _data_directory(settings: Settings) -> CheckResult:
    path = settings.data
    nearest = nearest_place(path)
    if why := checks.refusal_of_write(nearest):
        return CheckResult(
            "data directory",
            ok=False,
            detail=f"{nearest} is not writable: {why}",
            advice=_FREE_SPACE if says_full(why) else _OTHER_DATA,
        )
    if path.exists() and path.stat().st_mode & 0o007:
        return CheckResult(
            "data directory", ok=False, detail=f"{path} is open to other users", advice=f"Run: chmod o-rwx {path}"
        )
    directory = DataDirectory(path)
    try:
        directory.refuse_path()
        if path.exists():
            directory.refuse_foreign()
    except PermissionError:
        return CheckResult("data directory", ok=False, detail=f"{path} belongs to another user", advice=_AS_OWNER)
    except SetupError as exc:
        return _cut("data directory", exc)
    return CheckResult("data directory", ok=True, detail=f"{path}{'' if path.exists() else ' (will be created)'}")


async def _parts(settings: Settings) -> list[CheckResult]:
    """What the installation that runs here says of its parts; nothing where none is known to run.

    With engines of its own it leaves no word in the data directory; then its admin port is asked, if that is set.
    """
    try:
        urls, runs = read_installation(settings.data).admin_urls, True
    except SetupError:
        urls, runs = [http_url(settings.reached_admin_host, port)] if (port := settings.admin_port) else [], False
    if not urls and not runs:
        return []
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=httpx_verify(*urls)) as http:
        for url in urls:
            try:
                found = msgspec.json.decode((await http.get(f"{url}/readyz/all")).content, type=_Readiness)
            except (httpx.HTTPError, *NOT_JSON):
                continue
            wrong = [_part(check) for check in found.checks if not check.ok]
            return wrong or [CheckResult("parts", ok=True, detail="all are working")]
    if runs:
        return [CheckResult("parts", ok=False, detail="no process answers on its admin port", advice=_SEE_LOG)]
    why = f"not checked: nothing answers on the admin port, {', '.join(urls)}"
    return [CheckResult("parts", ok=True, detail=why, advice=_SET_ADMIN_PORT, checked=False)]


def _part(check: Check) -> CheckResult:
    advice = "Free some space on the disk that it writes to." if says_full(check.reason) else _SEE_LOG
    return CheckResult(check.name, ok=False, detail=check.reason, advice=advice)


async def _ports(settings: Settings) -> list[CheckResult]:
    """Whether `callmark serve` could listen here, or already does."""
    if not settings.chosen_roles & HTTP_ROLES or not settings.port:
        return []
    try:
        open_socket(settings.host, settings.port, reuse_port=False).close()
    except SetupError as exc:
        why = exc.__cause__.errno if isinstance(exc.__cause__, OSError) else None
        if why != EADDRNOTAVAIL and await _is_ours(settings):
            return [CheckResult("port", ok=True, detail=f"Callmark answers on port {settings.port}")]
        detail, _, advice = exc.message.partition(". ")
        if why == EADDRINUSE:
            advice = f"Stop what listens there. {advice}"
        return [CheckResult("port", ok=False, detail=detail, advice=advice or _OTHER_ADDRESS)]
    return [CheckResult("port", ok=True, detail=f"port {settings.port} is free")]


async def _is_ours(settings: Settings) -> bool:
    url = f"{public_url(msgspec.structs.replace(settings, public_url=''))}/healthz"
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=WITHIN_S, verify=httpx_verify(url)) as http:
            return (await http.get(url)).json() == {"status": "ok"}
    except (httpx.HTTPError, ValueError):
        return False


class _Readiness(msgspec.Struct):
    """What `/readyz` answers."""

    ready: bool
    checks: list[Check]


_SET_ADMIN_PORT = "If a process runs on this machine, set CALLMARK_ADMIN_PORT to its admin port."
_OTHER_ADDRESS = "Name an address of this machine with CALLMARK_HOST."
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
