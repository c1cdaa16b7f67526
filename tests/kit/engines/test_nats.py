"""An embedded NATS: whose its port is while the server is started again, and how it is watched."""

import errno
import shutil
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.engines import reachable_directory
from tests.support.few_files import no_more_files

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


async def test_who_watches_it_without_files_does_not_take_it_for_silent(directory: Path) -> None:
    nats = EmbeddedNats(directory / "data")
    async with nats:
        with no_more_files(), pytest.raises(OSError, match="Too many open files") as refused:
            await nats.look()
        assert refused.value.errno == errno.EMFILE
        assert await nats.look() == {}
