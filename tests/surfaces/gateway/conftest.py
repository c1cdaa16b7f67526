"""The platform with a push service."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace
from tests.domain.webhooks.receiving import Handler, receiver
from tests.surfaces.gateway.fake_fcm import FakeFcm, credentials

from callmark.domain.deps import Deps
from callmark.domain.personalisation.partitions import keep_partitions


@pytest.fixture
async def fcm() -> AsyncGenerator[FakeFcm]:
    handler: list[Handler] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler[0](request)

    async with receiver(answer) as server:
        fake = FakeFcm(server.url.partition("/hook")[0], server.requests)
        handler.append(fake.answer)
        yield fake


@pytest.fixture
async def waking(deps: Deps, fcm: FakeFcm, tmp_path: Path) -> Deps:
    """The platform with credentials for that server."""
    await keep_partitions(deps)
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(credentials(fcm.url)))
    settings = msgspec.structs.replace(
        deps.settings, fcm_credentials_file=path, fcm_url=fcm.url, outgoing_networks="127.0.0.0/8"
    )
    return replace(deps, settings=settings)
