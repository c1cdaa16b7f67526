"""Where the socket of an embedded PostgreSQL is when its own place has too long a path."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts

from callmark.kit.engines.postgres import EmbeddedPostgres


@pytest.fixture
def long_directory() -> Generator[Path]:
    """As TMPDIR is on build machines: `/builds/group/project/tmp/…`."""
    path = reachable_directory()
    long = path / ("t" * 70)
    long.mkdir()
    yield long
    shutil.rmtree(path)


async def test_a_temporary_directory_with_a_long_path_is_passed_over(
    first_starts: FirstStarts, long_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first_starts.put(long_directory / "data")
    monkeypatch.setattr(tempfile, "tempdir", str(long_directory))
    async with EmbeddedPostgres(long_directory / "data", durable=False) as dsn:
        assert quote(str(long_directory), safe="") not in dsn
