"""Subscriptions that are being made when NATS dies or we leave, and those that were only for a question."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Generator
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from tests.support.engines import Engines, reachable_directory
from tests.support.stopped_processes import suspended
from tests.support.waiting import open_connected, until

from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.ids import new_id


@pytest.fixture
def own_directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def own_nats(own_directory: Path) -> AsyncGenerator[EmbeddedNats]:
    nats = EmbeddedNats(own_directory / "data")
    await nats.start()
    yield nats
    await nats.stop()


@pytest.fixture
async def gateway(own_nats: EmbeddedNats) -> AsyncGenerator[Fabric]:
    fabric = Fabric(own_nats.url, new_id(), name="gateway")
    await open_connected(fabric)
    yield fabric
    await fabric.close()


async def attaching(gateway: Fabric, number: str) -> asyncio.Task[object]:
    """A subscription that waits for the server, which does not answer."""
    before = len(_subscriptions(gateway))
    task = asyncio.create_task(gateway.attach(number, _ignore))

    async def waits() -> bool:
        return len(_subscriptions(gateway)) == before + 1 and attrgetter("_client._pong")(gateway) is not None

    await until(waits)
    return task


async def test_subscriptions_under_way_when_nats_dies_are_refused_at_once(
    own_nats: EmbeddedNats, gateway: Fabric
) -> None:
    """One waits for its own round trip, the other for the next one, which would begin without a connection."""
    with suspended([own_nats.pid]):
        first = await attaching(gateway, "919900000001")
        second = await attaching(gateway, "919900000002")
        assert not first.done()
        os.kill(own_nats.pid, signal.SIGKILL)
    came = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in came)
    assert "no answer" not in str([getattr(one, "reason", "") for one in came])  # neither waited until its time was up


async def test_a_subscription_under_way_when_we_leave_is_refused_at_once(
    own_nats: EmbeddedNats, gateway: Fabric
) -> None:
    with suspended([own_nats.pid]):
        waiting = await attaching(gateway, "919900000001")
        await gateway.close()
        (came,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(came, Unavailable)
    assert "closed" in str(getattr(came, "reason", "")), came


async def test_a_question_that_is_given_up_leaves_no_subscription(engines: Engines) -> None:
    fabric = Fabric(engines.nats_url, new_id(), name="asks")
    await open_connected(fabric)
    before = len(_subscriptions(fabric))

    async def answer(_: bytes) -> bytes:
        return b"yes"

    await fabric.listen("count", answer)
    assert await fabric.ask_all("count", 1, timedelta(seconds=5)) == [b"yes"]
    asking = asyncio.create_task(fabric.ask_all("count", 2, timedelta(seconds=60)))

    async def waits() -> bool:
        return len(_subscriptions(fabric)) == before + 2

    await until(waits)
    asking.cancel()
    await asyncio.wait({asking})
    assert len(_subscriptions(fabric)) == before + 1  # the listener's
    await fabric.close()


def _subscriptions(fabric: Fabric) -> Any:
    """What nats-py would subscribe to again after a reconnection."""
    return attrgetter("_client._subs")(fabric)


def _ignore(_key: str, _reply: str, _payload: bytes) -> None: ...
