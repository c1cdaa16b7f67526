"""The SQL of brand icons."""

from callmark.kit.postgres.database import Tx


async def select_icon(tx: Tx, logo_sha256: bytes, side: int) -> bytes | None:
    """The PNG drawn from a logo in that size. Primary key."""
    return await tx.fetchval("SELECT png FROM brand_icon WHERE logo_sha256 = $1 AND side = $2", logo_sha256, side)


async def insert_icon(tx: Tx, sha256: bytes, logo_sha256: bytes, side: int, png: bytes) -> None:
    """Stores what was drawn; an icon that exists stays, because its address was signed."""
    await tx.execute(
        "INSERT INTO brand_icon (sha256, logo_sha256, side, png) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        sha256,
        logo_sha256,
        side,
        png,
    )


async def select_png(tx: Tx, sha256: bytes, side: int) -> bytes | None:
    """The PNG of that content and size; two logos may give the same. Index brand_icon_content."""
    return await tx.fetchval("SELECT png FROM brand_icon WHERE sha256 = $1 AND side = $2 LIMIT 1", sha256, side)
