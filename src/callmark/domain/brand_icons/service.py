"""Use cases of brand icons: the icon that a signed call names, and the file behind its address."""

import asyncio
from functools import partial

from callmark.domain.brand_icons import queries
from callmark.domain.brand_icons.model import SHOWN_SIDE, BrandIcon, draw_icon, icon_sha256, icon_url
from callmark.domain.deps import Deps
from callmark.domain.labels import service as labels
from callmark.kit.errors import found

_KEPT_S = 3600.0
"""How long a process keeps an icon, which cannot change."""


async def icon_of(deps: Deps, logo_sha256: bytes, side: int = SHOWN_SIDE) -> BrandIcon | None:
    """The icon of a logo, drawn and stored when it is first asked for.

    None without that logo, and where icons have no `https` address: only the emulator signs `http` ones.
    """
    if not deps.settings.allows_plain_http and not deps.public_url.startswith("https://"):
        return None
    png = await deps.memory.get(("brand icon", logo_sha256, side), _KEPT_S, partial(_png_of, deps, logo_sha256, side))
    if png is None:
        return None
    sha256 = icon_sha256(png)
    return BrandIcon(icon_url(deps.public_url, sha256, side), sha256, side, png)


async def icon_png(deps: Deps, sha256: bytes, side: int) -> bytes:
    """The file at an icon's address. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_png(tx, sha256, side))


async def _png_of(deps: Deps, logo_sha256: bytes, side: int) -> bytes | None:
    async with deps.db.connection() as tx:
        if (there := await queries.select_icon(tx, logo_sha256, side)) is not None:
            return there
    logo = await labels.logo_png(deps, logo_sha256)
    if logo is None:
        return None
    png = await asyncio.to_thread(draw_icon, logo, side)
    async with deps.db.transaction() as tx:
        await queries.insert_icon(tx, icon_sha256(png), logo_sha256, side, png)
        return await queries.select_icon(tx, logo_sha256, side)  # perhaps another process was first
