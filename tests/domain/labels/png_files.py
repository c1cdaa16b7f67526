"""PNG files written by hand, so that they may lie."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, colour: int, pixels: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand, so that it may lie."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def profile(*, swapped: bool = False, size: int = 0) -> bytes:
    """The profile of sRGB; `swapped`: of a display whose red is green; `size`: filled up."""
    cms: Any = ImageCms  # typed in a part only
    made = bytearray(cms.ImageCmsProfile(cms.createProfile("sRGB")).tobytes())
    if swapped:
        tags = {bytes(made[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(made[128:132], "big"), 12)}
        red, green = tags[b"rXYZ"] + 4, tags[b"gXYZ"] + 4
        made[red : red + 8], made[green : green + 8] = made[green : green + 8], made[red : red + 8]
    made += b"\0" * max(size - len(made), 0)
    made[:4] = len(made).to_bytes(4, "big")
    return bytes(made)


def icc(data: bytes) -> bytes:
    return chunk(b"iCCP", b"a display\0\0" + zlib.compress(data))


def pixels_of(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


CORNERS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}


def quartered(*extra: bytes) -> bytes:
    """Red and green above blue and white."""
    quarter = {name: bytes(colour) * 100 for name, colour in CORNERS.items()}
    rows = (b"\0" + quarter["R"] + quarter["G"]) * 100 + (b"\0" + quarter["B"] + quarter["W"]) * 100
    return raw_png(200, 200, 8, RGB, rows, *extra)
