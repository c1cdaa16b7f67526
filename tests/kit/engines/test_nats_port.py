"""The port of an embedded NATS, which is nobody's while the server is started again."""

import shutil
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.engines import reachable_directory

from callmark.kit.engines.nats import EmbeddedNats

LOWEST_GIVEN = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
"""Of the ports that Linux gives to who binds port 0 or connects."""


@pytest.fixture
def directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


async def test_the_system_does_not_give_it_to_others_meanwhile(directory: Path) -> None:
    async with EmbeddedNats(directory / "data") as url:
        assert (urlsplit(url).port or 0) < LOWEST_GIVEN
