"""A brand's icon, drawn from a logo (RFC 9796, section 4: PNG, square, the size in the name)."""

import hashlib
import io
from typing import Any

from msgspec import Struct

SIDES = (64, 128, 256)
"""How wide and high icons are, in pixels."""
SHOWN_SIDE = 128
"""What calls name: the largest that a logo of 200 pixels fills."""


class BrandIcon(Struct, frozen=True):
    """An icon and its public address, which is its content, so it never changes."""

    url: str
    sha256: bytes
    side: int
    png: bytes


def draw_icon(logo_png: bytes, side: int) -> bytes:
    """The logo, which is one of ours and so a clean square PNG, in that size."""
    from PIL import Image  # here, because few processes ever draw, and it is large

    with Image.open(io.BytesIO(logo_png), formats=["PNG"]) as image:
        logo = image.convert("RGBA" if image.has_transparency_data else "RGB")
    out = io.BytesIO()
    untyped: Any = logo  # typed in a part only
    untyped.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG", compress_level=9)
    return out.getvalue()


def icon_sha256(png: bytes) -> bytes:
    """The name of an icon by its content."""
    return hashlib.sha256(png).digest()


def icon_url(public_url: str, sha256: bytes, side: int) -> str:
    """Where an icon is served."""
    return f"{public_url}/brand/{sha256.hex()}-{side}x{side}.png"
