"""Subscriptions that are being made when NATS dies."""

import asyncio
import os
import shutil
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.engines import reachable_directory
from tests.suspending import suspended

from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.errors import Unavailable
from callmark.kit.fabric import Fabric
from callmark.kit.ids import new_id


@pytest.fixture
def own_directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


async def test_subscriptions_under_way_when_nats_dies_are_refused_at_once(
    own_directory: Path,
) -> None:
    """One waits for its own round trip, the other for the next one, which would begin without a connection."""
    nats = EmbeddedNats(own_directory / "data")
    gateway = Fabric(await nats.start(), new_id(), name="gateway")
    try:
        await gateway.open()
        with suspended([nats.pid]):
            first = asyncio.create_task(gateway.attach("919900000001", _ignore))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(gateway.attach("919900000002", _ignore))
            await asyncio.sleep(0.05)
            assert not first.done()
            os.kill(nats.pid, signal.SIGKILL)
        came = await asyncio.gather(first, second, return_exceptions=True)
    finally:
        await gateway.close()
        await nats.stop()
    assert all(isinstance(one, Unavailable) for one in came)
    assert "no answer" not in str([getattr(one, "reason", "") for one in came])  # neither waited until its time was up


def _ignore(_key: str, _reply: str, _payload: bytes) -> None: ...
