"""What `callmark.testing.platform` does once it is imported: it runs the platform until its input ends."""

import asyncio
import shutil
import sys
from pathlib import Path

import msgspec

from callmark.kit.errors import AppError
from callmark.kit.roles import ALL_ROLES, ROLES
from callmark.kit.telemetry import logs
from callmark.processes.demo.command import demo_settings, prepare_demo
from callmark.processes.demo.credentials import read_credentials
from callmark.processes.signals import run_until_stopped
from callmark.processes.supervisor import Supervisor
from callmark.surfaces.emulator.curl_example import CREDENTIALS_JSON


async def _run(data: Path, port: int) -> None:
    settings = demo_settings(port, data)
    supervisor = Supervisor(
        settings, frozenset(ROLES), [ALL_ROLES], report=_report, prepare=prepare_demo, log_files=True
    )
    async with supervisor as running:
        from callmark.processes.demo.preparing import until_ready

        await until_ready(running.base_url)
        made = read_credentials(running.settings.data / CREDENTIALS_JSON)
        sys.stdout.write(f"{msgspec.json.encode(made).decode()}\n")
        sys.stdout.flush()
        await _end_of_input()


async def _end_of_input() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def work(data: Path, port: int) -> None:
    """Runs until the input ends; exits 1 with one line when it cannot."""
    logs.set_up("critical")  # the processes' logs are files
    try:
        run_until_stopped(_run(data, port))
    except AppError as exc:
        sys.exit(exc.detail)
    finally:
        shutil.rmtree(data, ignore_errors=True)
