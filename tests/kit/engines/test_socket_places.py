"""Where the socket of an embedded PostgreSQL is when its own place has a path that no socket can have."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts

from callmark.kit.engines.postgres import EmbeddedPostgres


@pytest.fixture(params=["t" * 70, "a,b"], ids=["long", "comma"])
def odd_directory(request: pytest.FixtureRequest) -> Generator[Path]:
    """Long as TMPDIR is on build machines: `/builds/group/project/tmp/…`."""
    path = reachable_directory()
    odd = path / request.param
    odd.mkdir()
    yield odd
    shutil.rmtree(path)


async def test_a_directory_and_a_temporary_one_where_no_socket_can_be_are_passed_over(
    first_starts: FirstStarts, odd_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first_starts.put(odd_directory / "data")
    monkeypatch.setattr(tempfile, "tempdir", str(odd_directory))
    async with EmbeddedPostgres(odd_directory / "data", durable=False) as dsn:
        assert quote(str(odd_directory), safe="") not in dsn
