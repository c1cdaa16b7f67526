"""What a demo has before it answers its first request, and when it is ready."""

import asyncio
import contextlib

import httpx

from callmark.kit.own_servers import httpx_verify
from callmark.kit.settings import Settings
from callmark.processes.compose import open_deps
from callmark.processes.demo.credentials import read_credentials, write_credentials, write_env
from callmark.processes.demo.seed import seed
from callmark.surfaces.emulator.curl_example import CREDENTIALS_ENV, CREDENTIALS_JSON
from callmark.surfaces.emulator.states import snapshots

_READY_WITHIN_S = 30
_POLL_S = 0.05


async def prepare(settings: Settings) -> None:
    """Seeds the installation, and writes the credentials into its data directory."""
    kept = settings.data / CREDENTIALS_JSON
    async with open_deps(settings, "demo") as deps:
        known = read_credentials(kept)
        made = await seed(deps, known)
        if known is None or not made.has_secrets_of(known) or not await snapshots.has_seed(deps):
            await snapshots.take_seed(deps)
    write_credentials(kept, made)
    write_env(settings.data / CREDENTIALS_ENV, made)


async def until_ready(base_url: str) -> None:
    """Returns when everything that the demo promises is there, each magic receiver included; 30 seconds at most."""
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        verify = httpx_verify(base_url)
        async with (
            httpx.AsyncClient(base_url=base_url, trust_env=False, verify=verify) as http,
            asyncio.timeout(_READY_WITHIN_S),
        ):
            while not (await http.get("/readyz")).is_success:  # noqa: ASYNC110 - another process, over HTTP
                await asyncio.sleep(_POLL_S)
