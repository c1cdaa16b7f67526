"""A way to PostgreSQL that a test opens and shuts."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from tests.support.engines import reachable_directory

from callmark.domain.deps import Deps
from callmark.kit.engines.data_directory import SOCKET_NAME


class WayToPostgres:
    """A socket of its own that leads to the engine of the tests, or is not there. Begins shut."""

    def __init__(self, deps: Deps, directory: Path) -> None:
        address, _, folder = deps.settings.reached_postgres.rpartition("host=")
        self.dsn = f"{address}host={directory}"
        self._socket, self._there = directory / SOCKET_NAME, Path(unquote(folder)) / SOCKET_NAME

    def open(self) -> None:
        """Connections can be made."""
        self._socket.symlink_to(self._there)

    def shut(self) -> None:
        """No more connections can be made; those that there are stay."""
        self._socket.unlink()


@contextmanager
def way_to_postgres(deps: Deps) -> Generator[WayToPostgres]:
    """As long as the block."""
    directory = reachable_directory()
    try:
        yield WayToPostgres(deps, directory)
    finally:
        shutil.rmtree(directory)
