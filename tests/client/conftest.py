"""A running platform with an account, and clients of it."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from tests.support.databases import Databases
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast
from tests.surfaces.api.extending import hold_all, register
from tests.surfaces.emulator.running import Emulated, emulated

import callmark
from callmark.domain.deps import Deps
from callmark.kit.phone import PhoneNumber
from callmark.processes.worker import prepare

ONLINE = PhoneNumber("919900000001")


class Platform(Struct, frozen=True):
    """A running server in emulator mode, an account, and an online handset."""

    emulator: Emulated
    cast: Cast
    options: dict[str, Any]

    @property
    def deps(self) -> Deps:
        """What the server runs on."""
        return self.emulator.deps

    def client(self, **changed: Any) -> callmark.AsyncClient:
        """A client of the account."""
        return callmark.AsyncClient(**self.options | changed)

    def record(self, **changed: object) -> dict[str, Any]:
        """A good record for the online handset."""
        good = {"caller": "918040001234", "receiver": ONLINE, "label_id": str(self.cast.label.id)}
        return good | {"expires_in": timedelta(hours=1)} | changed

    async def push_due(self) -> None:
        """The worker pushes what is due."""
        await run_due_once(self.deps)

    async def count(self, table: str) -> int:
        """Rows of a table."""
        async with self.deps.db.connection() as tx:
            return await tx.fetchval(f"SELECT count(*) FROM {table}")  # pyright: ignore[reportArgumentType] - ours


@pytest.fixture(scope="session")
def databases(databases_with_days: Databases) -> Databases:
    """Most tests here prepare the platform, which then finds its days made."""
    return databases_with_days


@pytest.fixture
async def platform(deps: Deps, tmp_path: Path, unhurried_pushes: None) -> AsyncGenerator[Platform]:
    """The platform on this test's engines."""
    await prepare(deps)
    async with emulated(deps, tmp_path, farm=False, acks_within_s=60) as running:
        cast = await make_cast(running.deps)
        await register(running.deps, ONLINE)
        await hold_all(running.deps, ONLINE)
        yield Platform(running, cast, options_of(running, cast))


def options_of(emulator: Emulated, cast: Cast) -> dict[str, Any]:
    """What a client of the account is made with."""
    return {
        "base_url": emulator.deps.public_url,
        "account_id": str(cast.account.id),
        "key_id": cast.key_id,
        "api_key": cast.api_key,
    }


@pytest.fixture
async def client(platform: Platform) -> AsyncGenerator[callmark.AsyncClient]:
    """A client of the account."""
    async with platform.client() as made:
        yield made
