"""Logos: an uploaded file is checked, decoded and encoded again, so that only its pixels are kept and served.

Source: contract D35: exactly 200 by 200 pixels, a PNG by its content, smaller than 2 MB (2,097,152 bytes). And as a
name must be (D52), something of it must be visible.
"""

import hashlib
import struct

from callmark.domain.labels.logo_file import SIGNATURE, DamagedPng, read_parts
from callmark.kit.errors import InvalidInput
from callmark.png_display import UnknownColours

SIDE = 200
TOO_LARGE_BYTES = 2_097_152
_HEADER_BYTES = 13
_HEADER = struct.Struct(">8s I4s II BB")  # signature; length and name of the first chunk; width, height, depth, colour


def clean_logo(file: bytes) -> bytes:
    """The logo as it is stored: the picture of `file`, upright and in sRGB, as 8-bit RGB or RGBA without metadata.

    The same picture gives the same bytes. Raises InvalidInput that says which rule the file breaks.
    """
    _check_header(file)
    try:
        parts = read_parts(file)
    except DamagedPng as exc:
        raise _damaged() from exc
    if parts.is_animated:
        raise InvalidInput("logo is an animated PNG; use a still image", field="logo")
    from callmark.domain.labels import logo_pixels  # here, because it imports Pillow: few processes ever draw

    try:
        picture = logo_pixels.decoded(parts)
    except UnknownColours as exc:
        raise InvalidInput("logo has colours that cannot be brought to sRGB; save it as sRGB", field="logo") from exc
    except Exception as exc:  # decoders raise whatever they come upon; the file is someone's, not ours
        raise _damaged() from exc
    if not logo_pixels.is_visible(picture):
        raise InvalidInput("logo cannot be seen: the whole picture is transparent", field="logo")
    return logo_pixels.encoded(picture)


def sha256(png: bytes) -> bytes:
    """The name of a logo by its content."""
    return hashlib.sha256(png).digest()


def initial_logo(name: str) -> bytes:
    """A logo for a label that has none yet: the first letter or digit of `name` on a colour of its own.

    A plain disc stands for an initial that the built-in typeface lacks.
    """
    from callmark.domain.labels import logo_pixels

    hue = hashlib.sha256(name.encode(errors="replace")).digest()[0] * 360 // 256
    return logo_pixels.drawn(name.strip()[:1].upper(), hue, SIDE)


def _check_header(file: bytes) -> None:
    """The rules that need no decoding: a picture of any other size is never unpacked."""
    if len(file) >= TOO_LARGE_BYTES:
        raise InvalidInput("logo must be smaller than 2 MB", field="logo")
    if not file.startswith(SIGNATURE):
        raise InvalidInput("logo is not a PNG file", field="logo")
    if len(file) < _HEADER.size:
        raise _damaged()
    _, length, first, width, height, _, _ = _HEADER.unpack_from(file)
    if first != b"IHDR" or length != _HEADER_BYTES:
        raise _damaged()
    if (width, height) != (SIDE, SIDE):
        raise InvalidInput(f"logo must be {SIDE}x{SIDE} pixels; it is {width}x{height}", field="logo")


def _damaged() -> InvalidInput:
    return InvalidInput("logo is a damaged or incomplete PNG", field="logo")
