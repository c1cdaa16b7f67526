"""A running emulator: the whole HTTP application on a free port, and the farm beside it in one process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace
from tests.support.openapi import check_answer
from tests.support.waiting import open_connected

from callmark.domain.deps import Deps
from callmark.kit.fabric.client import Fabric
from callmark.kit.own_servers import httpx_verify
from callmark.kit.ports import LOOPBACK
from callmark.kit.settings import Settings
from callmark.processes.http import Server
from callmark.processes.ports import hold_port, open_socket
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.handsets import farm_api, queries
from callmark.surfaces.emulator.handsets.farm import Farm
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.push_service import service_account

ROLES = frozenset({"api", "gateway"})
JSON = {"Content-Type": "application/json"}

NO_TLS = httpx_verify()
"""Without the certificates of this machine, whose reading takes longer than most tests."""

_account = b""


class Emulated(Struct):
    """What a test needs of a running emulator."""

    deps: Deps
    http: httpx.AsyncClient
    port: int

    async def make(self, phone: str, **keys: object) -> dict[str, Any]:
        """A virtual handset, registered and as online as asked."""
        answer = await self.http.post("/emulator/v1/handsets", json={"phone_number": phone, **keys})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def change(self, phone: str, **keys: object) -> dict[str, Any]:
        """The handset after the change."""
        answer = await self.http.patch(f"/emulator/v1/handsets/{phone}", json=keys)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def screen(self, phone: str, caller: str) -> dict[str, Any]:
        """What would show."""
        answer = await self.http.get(f"/emulator/v1/handsets/{phone}/screen", params={"caller": caller})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def call(self, phone: str, caller: str, outcome: str = "answered") -> dict[str, Any]:
        """What showed on a call."""
        body = {"caller": caller, "receiver": phone, "outcome": outcome}
        answer = await self.http.post("/emulator/v1/calls", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def emulated(
    deps: Deps,
    data: Path,
    *,
    serve: bool = True,
    farm: bool = True,
    magic: bool = False,
    wakes: bool = False,
    acks_within_s: float = 2,
) -> AsyncGenerator[Emulated]:
    """The emulator on `deps`' engines and clock, its files below `data`; its farm has magic receivers with `magic`.

    A push fails after `acks_within_s` without an answer. With `wakes`, sleeping apps are woken through the
    emulator's own push service.
    """
    held = hold_port(LOOPBACK, 0)  # to the end: servers bind it together with who has it, also another test's
    port = held.getsockname()[1]
    settings = msgspec.structs.replace(
        deps.settings, emulator=True, data=data, port=port, real_time_deadline_s=acks_within_s
    )
    here = replace(deps, settings=settings, public_url=f"http://{LOOPBACK}:{port}")
    if wakes:
        _keep_account(settings, here.public_url)
        here = replace(here, settings=service_account.with_push_service(settings, here.public_url))
    async with AsyncExitStack() as stack:
        stack.enter_context(held)
        if serve:
            await stack.enter_async_context(serving(here, port))
        http = await stack.enter_async_context(_client(here.public_url))
        if farm:
            await stack.enter_async_context(farming(here, magic=magic))
        yield Emulated(here, http, port)


@asynccontextmanager
async def serving(deps: Deps, port: int = 0) -> AsyncGenerator[int]:
    """An HTTP process' application with a connection of its own to NATS, so that its listeners end with it.

    Its port, which is a free one unless one is given.
    """
    async with _own_fabric(deps) as own:
        sock = open_socket(LOOPBACK, port)
        server = Server(build_app(own, ROLES), sock)
        stop = asyncio.Event()
        running = asyncio.create_task(server.run_until(stop))
        await server.up.wait()
        try:
            yield sock.getsockname()[1]
        finally:
            stop.set()
            await running


@asynccontextmanager
async def farming(deps: Deps, *, magic: bool = False, **options: float) -> AsyncGenerator[Farm]:
    """A farm with a connection of its own to NATS; returns once it listens.

    It adds the magic receivers with `magic` only. Otherwise they are uninstalled, where the table has none: sixteen
    that connect take longer than most tests ask of the one that they make.
    """
    if not magic:
        await _uninstall_magic(deps)
    async with _own_fabric(deps) as own, httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=60) as http:
        farm = Farm(own, http, **options)
        try:
            await farm.start()
            await farm_api.ask(deps, farm_api.Count(), farm_api.Counted)
            yield farm
        finally:
            await farm.stop()


def _keep_account(settings: Settings, public_url: str) -> None:
    """As the first worker of a data directory, with the key that the first test of this process made: it takes long."""
    global _account  # noqa: PLW0603 - once for a process
    path = service_account.with_push_service(settings, public_url).fcm_credentials_file
    assert path
    if _account:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_account)
    service_account.keep_account(settings, public_url)
    _account = path.read_bytes()


async def _uninstall_magic(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        for one in MAGIC:
            await queries.insert_missing(tx, replace(one.handset, registered=False))


@asynccontextmanager
async def _own_fabric(deps: Deps) -> AsyncGenerator[Deps]:
    async with deps.db.connection() as tx:
        installation = await tx.fetchval("SELECT id FROM installation")
    fabric = Fabric(deps.settings.reached_nats, installation)
    await open_connected(fabric)
    try:
        yield replace(deps, fabric=fabric)
    finally:
        with suppress(OSError):
            await fabric.close()


def _client(url: str) -> httpx.AsyncClient:
    """A client that holds each answer against the document that tells of it."""
    hooks = {"response": [check_answer]}
    return httpx.AsyncClient(base_url=url, verify=NO_TLS, trust_env=False, timeout=60, event_hooks=hooks)
