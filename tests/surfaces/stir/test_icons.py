"""`GET /brand/<sha256>-<side>x<side>.png` in the application of the role `stir`."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from msgspec.structs import replace
from tests.support.factories import make_label

from callmark.domain.accounts import service as accounts
from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import BrandIcon
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.surfaces.app import build_app


@pytest.fixture
async def client(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_app(deps, frozenset({"stir"})))
    async with httpx.AsyncClient(transport=transport, base_url="https://brand.example") as client:
        yield client


@pytest.fixture
async def icon(deps: Deps) -> BrandIcon:
    label = await make_label(deps, (await accounts.create_account(deps, "Acme", by=SYSTEM)).id)
    found = await brand_icons.icon_of(replace(deps, public_url="https://brand.example"), label.logo_sha256)
    assert found is not None
    return found


async def test_an_icon_is_public_and_may_be_kept_for_ever(client: httpx.AsyncClient, icon: BrandIcon) -> None:
    answer = await client.get(icon.url)
    assert (answer.status_code, answer.content) == (200, icon.png)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = await client.get(icon.url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, icon: BrandIcon) -> None:
    name = icon.sha256.hex()
    for other in (f"{name}-64x64", f"{name}-128x64", f"{name}-200x200", name, f"{name.upper()}-128x128", "../x-64x64"):
        answer = await client.get(f"/brand/{other}.png")
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
