"""Patience for what opens its connections to PostgreSQL itself, with the product's bound of two seconds."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.opened_deps import PATIENT_S

from callmark.kit.db import Database
from callmark.kit.fastpath.kept_connections import KeptConnections
from callmark.processes.compose import open_deps


@contextmanager
def patient_connections() -> Generator[None]:
    """Within the block a connection may take its time, on a machine that is busy with other tests."""
    with pytest.MonkeyPatch.context() as patched:
        opens: Any = open_deps
        for makes in (Database.open.__func__, KeptConnections.__init__, opens.__wrapped__):
            bounds: dict[str, Any] | None = makes.__kwdefaults__
            assert bounds
            patched.setitem(bounds, "connected_within_s", PATIENT_S)
        yield
