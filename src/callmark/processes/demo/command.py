"""`callmark demo`: the whole platform on this machine, seeded, with virtual handsets, and the story it tells."""

import asyncio
import contextlib
import os
import shlex
import sys
import webbrowser
from pathlib import Path
from time import perf_counter

import click
import msgspec
from msgspec import Struct

from callmark.kit.engines.data_directory import DataDirectory
from callmark.kit.errors import SetupError
from callmark.kit.own_servers import httpx_verify
from callmark.kit.process_start import import_without, importing
from callmark.kit.roles import ALL_ROLES, ROLES
from callmark.kit.settings import Settings, default_data_dir, demo_data_dir, read_settings
from callmark.kit.telemetry import logs
from callmark.option_values import NamedPath
from callmark.processes.demo.credentials import Credentials, read_credentials, write_credentials
from callmark.processes.demo.step_printer import StepPrinter
from callmark.processes.signals import run_until_stopped
from callmark.processes.sip_lab.programs import demand_programs
from callmark.processes.supervisor import Running, Supervisor
from callmark.surfaces.emulator.curl_example import CREDENTIALS_ENV, CREDENTIALS_JSON, curl_walk

_POOL_SIZE = 4
"""Each connection is a process of PostgreSQL with megabytes of its own; short statements of one process need few."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8700); 0 chooses a free one.")
@click.option("--data", type=NamedPath(file_okay=False), help="The demo's own data directory.")
@click.option(
    "--credentials",
    type=NamedPath(dir_okay=False),
    help="File to write the sample accounts' credentials to, as JSON (mode 0600), before the demo is ready.",
)
@click.option("--once", is_flag=True, help="Run the story once and exit: status 0, or 1 if a step failed.")
@click.option("--sip", is_flag=True, help="End the story with a signed call to a SIP phone (docs/sip.md).")
@click.option("--no-browser", is_flag=True, help="Do not open the first page in a browser.")
def demo(
    *, port: int | None, data: Path | None, credentials: Path | None, once: bool, sip: bool, no_browser: bool
) -> None:
    """Run everything on this machine, with an emulator and sample accounts, and show each step with its time."""
    if sip:
        demand_programs()
    settings = demo_settings(port, data)
    logs.set_up("critical")  # faults are printed below; the processes' logs are files
    if credentials and not credentials.absolute().parent.is_dir():
        raise SetupError(f"cannot write {credentials}: the directory {credentials.absolute().parent} does not exist")
    run = _Demo(settings, credentials, once=once, sip=sip, browser=not (once or no_browser))
    run_until_stopped(run.run())
    if once and not run.good:
        sys.exit(1)


def demo_settings(port: int | None, data: Path | None) -> Settings:
    """Embedded engines, emulator mode, few connections, and by default never a real installation's data directory."""
    settings = read_settings(None, {"pool_size": _POOL_SIZE}, port=port, data=data, emulator=True)
    with contextlib.suppress(SetupError):  # a user without a home has named a directory
        if settings.data == default_data_dir():
            settings = msgspec.structs.replace(settings, data=demo_data_dir())
    return msgspec.structs.replace(settings, postgres_dsn=None, nats_url=None, nats_credentials=None, nats_ca=None)


async def prepare_demo(settings: Settings) -> None:
    """Seeds the sample accounts. What that takes is imported here, so that the children's imports begin before."""
    with importing():
        import_without("httpx", "pygments")  # with which it makes a command of its own
        from callmark.processes.demo.preparing import prepare

    await prepare(settings)


class _Demo(Struct):
    """One run. `good` is whether the story went as it should."""

    settings: Settings
    credentials_file: Path | None
    once: bool
    sip: bool
    browser: bool
    good: bool = False
    credentials: Credentials | None = None

    async def run(self) -> None:
        """Starts everything, tells the story, and stays until it is stopped (unless once)."""
        printer = StepPrinter()
        began = perf_counter()
        data = DataDirectory(self.settings.data).path
        printer.heading(f"Callmark demo in {data}")
        supervisor = Supervisor(
            self.settings, frozenset(ROLES), [ALL_ROLES], report=_report, prepare=self._prepare, log_files=True
        )
        async with supervisor as running:
            printer.step("engines, schema, two accounts and all processes are running", began)
            await self._tell(printer, running)
            if self.once:
                return
            self._say_where(printer, running)
            if self.browser:
                await _open_page(running.base_url)
            await asyncio.Event().wait()

    async def _prepare(self, settings: Settings) -> None:
        """Seeds, and writes the credentials, before anything answers requests."""
        await prepare_demo(settings)
        self.credentials = read_credentials(settings.data / CREDENTIALS_JSON)
        if self.credentials_file and self.credentials:
            write_credentials(self.credentials_file, self.credentials)

    async def _tell(self, printer: StepPrinter, running: Running) -> None:
        import httpx

        from callmark.processes.compose import open_deps
        from callmark.processes.demo.preparing import until_ready
        from callmark.processes.demo.story import Story

        if self.credentials is None:
            raise SetupError(
                f"{CREDENTIALS_JSON} has no credentials although the demo was prepared; run `make demo` again"
            )
        url = running.base_url
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=20, verify=httpx_verify(url)) as http,
            open_deps(running.settings, "demo") as deps,
        ):
            self.good = await Story(http, self.credentials, printer, deps, sip=self.sip).tell()
            if not self.once:
                await until_ready(url)

    def _say_where(self, printer: StepPrinter, running: Running) -> None:
        data = DataDirectory(running.settings.data).path
        printer.heading("Callmark is running." if self.good else "Callmark is running, but a step of the story failed.")
        printer.facts(
            {
                "first page": f"{running.base_url}/",
                "console": f"{running.base_url}/console",
                "REST API": running.base_url,
                "emulator": f"{running.base_url}/emulator/v1",
                "credentials": str(self.credentials_file or data / CREDENTIALS_JSON),
                "logs": str(data / "logs"),
                "operator": command_line(sys.argv[0], data),
            }
        )
        printer.heading("To go from API key to ringing handset yourself, paste this into another shell:")
        printer.verbatim(curl_walk(data / CREDENTIALS_ENV))
        printer.heading("Ctrl-C stops it.")


def command_line(program: str, data: Path) -> str:
    """A first command for operators, to be pasted into another shell: there, paths lead from another directory.

    `program` is what this one was started as: with `python -m` a file of ours, which cannot be run.
    """
    own = [sys.executable, "-m", "callmark"] if program.endswith(".py") else [str(Path(program).absolute())]
    return shlex.join([*own, "account", "list", "--data", str(data)])


def _report(text: str) -> None:
    """Crashes of parts, printed where the story is printed."""
    click.echo(f"callmark: {text}", err=True)


async def _open_page(url: str) -> None:
    """Opens the first page where there is a display; whether that works is no matter."""
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")  # noqa: TID251 - the desktop's, not a setting of ours
    if display or sys.platform == "darwin":
        with contextlib.suppress(webbrowser.Error, OSError):
            await asyncio.to_thread(webbrowser.open, url)
