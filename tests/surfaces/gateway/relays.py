"""Gateways that reach NATS through a relay, which a test cuts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.engines import Engines
from tests.surfaces.gateway.helpers import (
    Cut,
    another_process,
    served,
)

from callmark.domain.deps import Deps


@asynccontextmanager
async def relayed(deps: Deps, engines: Engines) -> AsyncGenerator[tuple[Deps, Cut]]:
    """A process that reaches NATS through a relay: what it has, and the relay."""
    url = urlsplit(engines.nats_url)
    assert url.hostname
    assert url.port
    relay = Cut(url.hostname, url.port)
    await relay.join()
    through = engines.nats_url.replace(f":{url.port}", f":{relay.port}")
    try:
        async with another_process(deps, through) as second:
            yield second, relay
    finally:
        await relay.cut()


@asynccontextmanager
async def behind_a_relay(deps: Deps, engines: Engines) -> AsyncGenerator[tuple[str, Cut]]:
    """A gateway that reaches NATS through a relay: its address, and the relay."""
    async with relayed(deps, engines) as (second, relay), served(second) as address:
        yield address, relay


async def is_lost(sender: Deps) -> bool:
    return not sender.fabric.connected
