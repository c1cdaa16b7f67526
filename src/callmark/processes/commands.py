"""`callmark serve`, `migrate` and `settings`."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from callmark.kit.clock import SystemClock
from callmark.kit.errors import SetupError
from callmark.kit.postgres import migrate
from callmark.kit.roles import HTTP_ROLES, NEEDED_KINDS, roles_of
from callmark.kit.service_manager import ServiceManager
from callmark.kit.settings import Settings, read_settings
from callmark.kit.settings.in_force import SettingInForce, settings_in_force
from callmark.kit.telemetry import logs
from callmark.kit.telemetry.line_writer import say
from callmark.processes.reach import reach
from callmark.processes.signals import run_until_stopped
from callmark.processes.supervisor import Running, Supervisor
from callmark.surfaces.cli.options import data_option, json_option


@click.command()
@click.option("--roles", help="What runs here, separated by commas (default: CALLMARK_ROLES, or all roles).")
@click.option("--processes", type=click.IntRange(1, 64), help="Number of HTTP processes (default: CALLMARK_PROCESSES).")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 chooses a free one.")
@click.option("--admin-host", help="Address for health and metrics.")
@click.option("--admin-port", type=int, help="Port for the first process's health and metrics.")
@data_option
@click.option("--emulator", is_flag=True, default=None, help="Turn emulator mode on. For development only.")
@click.option("--force", "emulator_force", is_flag=True, default=None, help="Allow emulator mode beyond loopback.")
def serve(**options: object) -> None:
    """Run the platform until SIGTERM or Ctrl-C. An option here wins over its setting (`callmark settings`)."""
    settings = read_settings(**options)
    logs.set_up(settings.log_level, process="supervisor")
    run_until_stopped(_serve(settings, settings.chosen_roles))


async def _serve(settings: Settings, roles: frozenset[str]) -> None:
    manager, supervisor = ServiceManager.of(), Supervisor(settings, roles, _kinds(settings, roles))
    async with supervisor as running:
        if sys.stderr.isatty():
            _say_where(running, roles)
        await manager.keep_told(supervisor.view)


def _kinds(settings: Settings, roles: frozenset[str]) -> list[str]:
    """The child processes that it takes: each does one thing, so that they do not slow down each other."""
    taken = [kind for kind in NEEDED_KINDS if roles_of(kind, roles)]
    handsets = ["handsets"] if settings.emulator and "gateway" in roles else []
    return [one for kind in taken for one in [kind] * (settings.processes if kind == "http" else 1)] + handsets


def _say_where(running: Running, roles: frozenset[str]) -> None:
    where = [f"Callmark is running at {running.base_url} ({', '.join(sorted(roles))})"] if roles & HTTP_ROLES else []
    health = [f"  health and metrics: {url}" for url in running.installation.admin_urls]
    say("\n".join([*where, *health, "Press Ctrl-C to stop."]))


@click.command("migrate")
@click.option(
    "--phase",
    type=click.Choice(["pre", "post"]),
    help="Run only the steps for before (pre) or after (post) the new code starts.",
)
@data_option
def migrate_(phase: str | None, data: Path | None) -> None:
    """Update the schema of the database in CALLMARK_POSTGRES_DSN, or of the embedded one."""
    settings = read_settings(data=data)
    if settings.embedded_postgres or data is not None:
        settings = reach(msgspec.structs.replace(settings, postgres_dsn=None))
    steps = asyncio.run(migrate.migrate(settings.reached_postgres, SystemClock(), phase=phase, tell=click.echo))
    click.echo(f"Ran {len(steps)} steps. The schema is up to date." if steps else "Nothing to do.")


@click.command("settings")
@data_option
@json_option
def settings_(data: Path | None, *, as_json: bool) -> None:
    """List every setting: its value here, where that comes from, its default and meaning.

    A secret shows as `set`. When a variable is wrong, the list has defaults only, and the error says which it is.
    """
    wrong: SetupError | None = None
    try:
        found = settings_in_force(data=data)
    except SetupError as exc:
        found, wrong = settings_in_force({}, data=data), exc
    if as_json and wrong is None:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))  # bytes: JSON is UTF-8
    elif not as_json:
        for setting in found:
            click.echo(f"{setting.variable} = {setting.value} ({_origin(setting)})\n    {setting.description}")
        click.echo("To read the value of X from a file, set X_FILE to its path.")
    if wrong:
        raise wrong


def _origin(setting: SettingInForce) -> str:
    told = {
        "default": "default",
        "environment": "from the environment",
        "file": f"from the file {setting.file}",
        "option": "from the option of this command",
    }
    default = f"; default {setting.default}" if setting.default and setting.source != "default" else ""
    return f"{told[setting.source]}{default}"
