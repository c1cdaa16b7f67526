"""The SIP programs that the lab starts: where they are, on which ports, and what they said when they do not run."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click

from callmark.kit.engines.child import Child, spawn
from callmark.kit.errors import SetupError

PACKAGES = {
    "kamailio": "kamailio kamailio-utils-modules kamailio-extra-modules",
    "sipp": "sip-tester",
    "baresip": "baresip-core",
}
"""Each program, and the Debian packages that bring it with all that the lab needs of it."""
START_WITHIN_S = 20.0
END_WITHIN_S = 5.0
_POLL_S = 0.02
_LAST_LINES = 15


class ProgramsMissing(click.ClickException):
    """Install what is missing: the message has the line for it."""

    exit_code = 3


def _path() -> str:
    """Debian keeps servers in a folder that is not on everyone's path."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # noqa: TID251 - where programs are, not a setting of ours


def demand_programs() -> None:
    """Raises ProgramsMissing unless every program is here."""
    missing = [name for name in PACKAGES if shutil.which(name, path=_path()) is None]
    if missing:
        raise ProgramsMissing(
            f"this needs {', '.join(missing)}. Install with:\n"
            f"  apt-get install -y --no-install-recommends {' '.join(PACKAGES[name] for name in missing)}"
        )


@asynccontextmanager
async def started(name: str, options: Sequence[str | Path], folder: Path) -> AsyncGenerator[Child]:
    """A program that runs as long as the block, at most; it works in `folder` and writes to a log there.

    It ends with this process, however that ends. Raises ProgramsMissing and OSError.
    """
    found = shutil.which(name, path=_path())
    if found is None:
        demand_programs()
    with _log(folder, name).open("ab") as output:
        child = spawn(
            name,
            [found or name, *options],
            env={"PATH": _path(), "HOME": str(folder)},
            output=output,
            cwd=folder,
        )
    try:
        yield child
    finally:
        await child.stop(signal.SIGTERM, END_WITHIN_S)


async def until_ready(child: Child, folder: Path, ready: Callable[[], Awaitable[bool]]) -> None:
    """Returns when the program works. Raises SetupError with the end of its log when it does not."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while True:
                is_ready = await ready()
                if not child.running:
                    raise SetupError(f"{child.name} did not start{last_lines(folder, child.name)}")
                if is_ready:
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        text = f"{child.name} was not ready within {START_WITHIN_S:.0f} s{last_lines(folder, child.name)}"
        raise SetupError(text) from None


def last_lines(folder: Path, name: str) -> str:
    """What a program said last, for the end of a message."""
    lines = _log(folder, name).read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]
    return "\n  ".join([":", *lines]) if lines else ""


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"
