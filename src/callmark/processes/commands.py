"""`callmark serve`, `migrate` and `settings`."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from callmark.kit import logs, migrate
from callmark.kit.clock import SystemClock
from callmark.kit.service_manager import ServiceManager
from callmark.kit.settings import Settings, describe, read_settings
from callmark.processes.compose import reach
from callmark.processes.signals import run_until_stopped
from callmark.processes.supervisor import HTTP_ROLES, ROLES, Running, Supervisor

DATA = click.option("--data", type=click.Path(path_type=Path), help="Data directory of the embedded engines.")


@click.command()
@click.option(
    "--roles",
    default=",".join(sorted(ROLES)),
    show_default=True,
    help="The roles that this process runs, separated by commas.",
)
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of HTTP processes.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 chooses a free one.")
@click.option("--admin-port", type=int, help="Loopback port for the first process's health and metrics.")
@DATA
@click.option("--emulator", is_flag=True, default=None, help="Turn emulator mode on. For development only.")
@click.option("--force", is_flag=True, default=None, help="Allow emulator mode on an address other than loopback.")
def serve(
    *,
    roles: str,
    processes: int,
    host: str | None,
    port: int | None,
    admin_port: int | None,
    data: Path | None,
    emulator: bool | None,
    force: bool | None,
) -> None:
    """Run the platform until SIGTERM or Ctrl-C."""
    settings = read_settings(
        host=host, port=port, admin_port=admin_port, data=data, emulator=emulator, emulator_force=force
    )
    logs.set_up(settings.log_level)
    chosen = frozenset(role.strip() for role in roles.split(",") if role.strip())
    if not chosen:
        raise click.UsageError("--roles is empty; name at least one role")
    run_until_stopped(_serve(settings, chosen, processes))


async def _serve(settings: Settings, roles: frozenset[str], processes: int) -> None:
    handsets = ["handsets"] if settings.emulator and "gateway" in roles else []
    manager, supervisor = ServiceManager.of(), Supervisor(settings, roles, processes, handsets)
    async with supervisor as running:
        if sys.stderr.isatty():
            _say_where(running, roles)
        await manager.keep_told(supervisor.view)


def _say_where(running: Running, roles: frozenset[str]) -> None:
    if roles & HTTP_ROLES:
        click.echo(f"Callmark is running at {running.base_url} ({', '.join(sorted(roles))})", err=True)
    for url in running.installation.admin_urls:
        click.echo(f"  health and metrics: {url}", err=True)
    click.echo("Press Ctrl-C to stop.", err=True)


@click.command("migrate")
@click.option(
    "--phase",
    type=click.Choice(["pre", "post"]),
    help="Run only the steps for before (pre) or after (post) the new code starts.",
)
@DATA
def migrate_(phase: str | None, data: Path | None) -> None:
    """Update the schema of the database in CALLMARK_POSTGRES_DSN, or of the embedded one."""
    settings = read_settings(data=data)
    if settings.embedded_postgres or data is not None:
        settings = reach(msgspec.structs.replace(settings, postgres_dsn=None))
    steps = asyncio.run(migrate.migrate(settings.reached_postgres, SystemClock(), phase=phase))
    for step in steps:
        click.echo(f"{step.number:04d} {step.phase} {step.name}")
    click.echo(f"Ran {len(steps)} steps. The schema is up to date." if steps else "Nothing to do.")


@click.command("settings")
def settings_() -> None:
    """List every setting with its variable, default and meaning."""
    for variable, default, sentence in describe():
        click.echo(f"{variable}{f' (default {default})' if default else ''}\n    {sentence}")
    click.echo("To read the value of X from a file, set X_FILE to its path.")
