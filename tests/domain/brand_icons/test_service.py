"""Icons drawn from logos, on the real database."""

import asyncio
import io

import msgspec
import pytest
from msgspec.structs import replace
from PIL import Image
from tests.support.factories import make_label

from callmark.domain.accounts import service as accounts
from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import SIDES, draw_icon, icon_sha256
from callmark.domain.deps import Deps
from callmark.domain.labels import logo, service as labels
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import NotFound
from callmark.kit.short_memory import ShortMemory

PUBLIC = "https://brand.example"


async def logo_of(deps: Deps) -> bytes:
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    return (await make_label(deps, account.id)).logo_sha256


@pytest.mark.parametrize("side", SIDES)
async def test_an_icon_is_the_logo_as_a_square_png_under_its_contents_name(deps: Deps, side: int) -> None:
    public = replace(deps, public_url=PUBLIC)
    icon = await brand_icons.icon_of(public, await logo_of(deps), side)
    assert icon is not None
    with Image.open(io.BytesIO(icon.png)) as image:
        assert (image.format, image.size, image.getpixel((side // 2, side // 2))) == (
            "PNG",
            (side, side),
            (51, 85, 170),
        )
    assert icon.sha256 == icon_sha256(icon.png)
    assert icon.url == f"{PUBLIC}/brand/{icon.sha256.hex()}-{side}x{side}.png"
    assert await brand_icons.icon_png(deps, icon.sha256, side) == icon.png


async def test_transparency_stays() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (200, 200), (10, 20, 30, 128)).save(out, "PNG")
    with Image.open(io.BytesIO(draw_icon(logo.clean_logo(out.getvalue()), 64))) as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (128, 128)


async def test_what_was_drawn_once_is_kept_by_every_process(deps: Deps) -> None:
    here = replace(deps, public_url=PUBLIC, memory=ShortMemory())
    there = replace(deps, public_url=PUBLIC, memory=ShortMemory())
    sha256 = await logo_of(deps)
    icons = await asyncio.gather(*(brand_icons.icon_of(one, sha256) for one in (here, there, here)))
    assert icons[0] is not None
    assert icons[0] == icons[1] == icons[2]
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM brand_icon") == 1
        await tx.execute("UPDATE brand_icon SET png = 'as another version drew it'")
    later = await brand_icons.icon_of(replace(there, memory=ShortMemory()), sha256)
    assert later is not None
    assert later.png == b"as another version drew it"


async def test_two_logos_may_give_the_same_icon(deps: Deps) -> None:
    public, one = replace(deps, public_url=PUBLIC), await logo_of(deps)
    first = await brand_icons.icon_of(public, one)
    other = await labels.keep_logo(deps, logo.initial_logo("B"))
    assert first is not None
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO brand_icon SELECT $1, side, sha256, png FROM brand_icon", bytes.fromhex(other))
    second = await brand_icons.icon_of(public, bytes.fromhex(other))
    assert second == first
    assert await brand_icons.icon_png(deps, first.sha256, first.side) == first.png


async def test_only_the_emulator_names_icons_without_tls(deps: Deps) -> None:
    sha256 = await logo_of(deps)
    assert await brand_icons.icon_of(deps, sha256) is None
    emulated = replace(deps, settings=msgspec.structs.replace(deps.settings, emulator=True))
    icon = await brand_icons.icon_of(emulated, sha256)
    assert icon is not None
    assert icon.url.startswith("http://")


async def test_what_is_not_there_has_no_icon(deps: Deps) -> None:
    public = replace(deps, public_url=PUBLIC)
    assert await brand_icons.icon_of(public, bytes(32)) is None
    icon = await brand_icons.icon_of(public, await logo_of(deps), 64)
    assert icon is not None
    for sha256, side in ((bytes(32), 64), (icon.sha256, 128)):
        with pytest.raises(NotFound):
            await brand_icons.icon_png(deps, sha256, side)
