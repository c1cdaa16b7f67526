"""Mocks of the API from its own OpenAPI document, as others run them: Prism and Mockoon, in a folder of their own."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.results import ROOT
from bench.stage import listens
from callmark.kit.ports import free_port

FOLDER = ROOT / "build" / "mocks"
PACKAGES = {"prism": "@stoplight/prism-cli@5.14.2", "mockoon": "@mockoon/cli@9.9.0"}
ENTRIES = {
    "prism": "node_modules/@stoplight/prism-cli/dist/index.js",
    "mockoon": "node_modules/@mockoon/cli/bin/run.js",
}
STARTS_WITHIN_S = 120


@asynccontextmanager
async def running(document: Path) -> AsyncGenerator[dict[str, str]]:
    """The address of each mock of the document; installs them first where they are not there."""
    _install()
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(_mock(name, document)) for name in PACKAGES}


def _install() -> None:
    if all((FOLDER / entry).exists() for entry in ENTRIES.values()):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", FOLDER, "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
    subprocess.run([ROOT / "tools" / "npm.sh", "install", *options, *PACKAGES.values()], check=True)


@asynccontextmanager
async def _mock(name: str, document: Path) -> AsyncGenerator[str]:
    port = free_port()
    arguments = {
        "prism": ["mock", "--host", "127.0.0.1", "--port", str(port), document],
        "mockoon": [
            "start",
            "--hostname",
            "127.0.0.1",
            "--port",
            str(port),
            "--disable-log-to-file",
            "--data",
            document,
        ],
    }[name]
    with (document.parent / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [ROOT / "tools" / "node.sh", FOLDER / ENTRIES[name], *arguments], stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while not listens(port):
                if process.poll() is not None:
                    raise SystemExit(f"{name} ended: {Path(log.name).read_text()[-2000:]}")
                await asyncio.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
