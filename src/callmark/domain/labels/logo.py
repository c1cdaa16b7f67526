"""Logos: an uploaded file is judged, decoded and encoded again, so that only its pixels are kept and served.

Source: contract D35: exactly 200 by 200 pixels, a PNG by its content, smaller than 2 MB (2,097,152 bytes).
"""

import hashlib
import io
import struct
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFont

from callmark.domain.labels.logo_file import DEEP, GREY, SIGNATURE, DamagedPng, PngParts, read_parts
from callmark.kit.errors import InvalidInput

SIDE = 200
TOO_LARGE_BYTES = 2_097_152
_HEADER_BYTES = 13
_HEADER = struct.Struct(">8s I4s II BB")  # signature; length and name of the first chunk; width, height, depth, colour
_untyped: Any = ImageCms  # typed in a part only
_SRGB: Any = _untyped.createProfile("sRGB")
_SPACES = {"GRAY": "L", "RGB ": "RGB"}
"""The colour spaces of profiles that a PNG can have, and the mode of the pixels that they speak of."""


def clean_logo(file: bytes) -> bytes:
    """The logo as it is stored: the picture of `file` in sRGB, encoded again as 8-bit RGB or RGBA without metadata.

    The same picture gives the same bytes. Raises InvalidInput that says which rule the file breaks.
    """
    _check_header(file)
    try:
        parts = read_parts(file)
    except DamagedPng as exc:
        raise _damaged() from exc
    if parts.is_animated:
        raise InvalidInput("logo is an animated PNG; use a still image", field="logo")
    try:
        return _encode(_picture(parts))
    except Exception as exc:  # decoders raise whatever they come upon; the file is someone's, not ours
        raise _damaged() from exc


def sha256(png: bytes) -> bytes:
    """The name of a logo by its content."""
    return hashlib.sha256(png).digest()


def initial_logo(name: str) -> bytes:
    """A logo for a label that has none yet: the first letter or digit of `name` on a colour of its own.

    A plain disc stands for an initial that the built-in typeface lacks.
    """
    hue = hashlib.sha256(name.encode(errors="replace")).digest()[0] * 360 // 256
    image = Image.new("RGB", (SIDE, SIDE), f"hsl({hue}, 55%, 38%)")
    draw = ImageDraw.Draw(image)
    initial = name.strip()[:1].upper()
    if initial.isascii() and initial.isalnum():
        draw.text((SIDE / 2, SIDE / 2), initial, fill="white", font=ImageFont.load_default(size=130), anchor="mm")
    else:
        draw.ellipse((50, 50, 150, 150), fill="white")
    return _encode(image)


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


def _picture(parts: PngParts) -> Image.Image:
    """The pixels as RGB or RGBA, in sRGB; transparency is read before colours change."""
    image = _load(parts)
    alpha = _alpha(image, parts)
    if parts.colour == GREY:
        image = _in_eight_bits(image) if parts.depth == DEEP else image.convert("L")
    colours = _in_srgb(_without_alpha(image), parts.profile)
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _load(parts: PngParts, raw_mode: str | None = None) -> Image.Image:
    with Image.open(io.BytesIO(parts.bare), formats=["PNG"]) as image:
        if raw_mode:
            image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
        image.load()
        return image


def _without_alpha(image: Image.Image) -> Image.Image:
    return image.convert("L" if image.mode in {"L", "LA"} else "RGB")


def _alpha(image: Image.Image, parts: PngParts) -> Image.Image | None:
    """The transparency of each pixel, None for a picture that has none."""
    if parts.key is None:
        return image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if parts.colour == GREY and parts.depth == DEEP:
        samples = image.tobytes("raw", "I;16B")
        bands = [(_band(samples[half::2]), value) for half, value in enumerate(divmod(parts.key[0], 256))]
    elif parts.colour == GREY:
        bands = [(image.convert("L"), parts.key[0] * 255 // ((1 << parts.depth) - 1))]
    elif parts.depth == DEEP:
        high, low = (
            _load(parts, "RGB;16B").split(),
            _load(parts, "RGB;16L").split(),
        )  # of a sample's two bytes, each one
        bands = [
            *zip(high, (v >> 8 for v in parts.key), strict=True),
            *zip(low, (v & 255 for v in parts.key), strict=True),
        ]
    else:
        bands = list(zip(image.convert("RGB").split(), parts.key, strict=True))
    is_key = Image.new("L", image.size, 255)
    for band, value in bands:
        is_key = ImageChops.darker(is_key, _equal(band, value))
    return ImageChops.invert(is_key)


def _equal(band: Image.Image, value: int) -> Image.Image:
    """255 where the band has that value, else 0."""
    levels: Any = [255 if level == value else 0 for level in range(256)]
    untyped: Any = band
    return untyped.point(levels)


def _band(samples: bytes) -> Image.Image:
    return Image.frombytes("L", (SIDE, SIDE), samples)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Grey or RGB pixels of a colour profile as sRGB; a profile of another kind of pixels is ignored, as PNG has it."""
    if profile is None or _SPACES.get(profile[16:20].decode("latin-1")) != image.mode:
        return image.convert("RGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    if converted is None:
        raise DamagedPng
    return converted


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey brought to 8 bits by its high byte; Pillow's own conversion would clip it to white."""
    return _band(image.tobytes("raw", "I;16B")[::2])


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    bare = Image.frombytes(image.mode, image.size, image.tobytes())  # leaves every kind of metadata behind
    bare.save(out, "PNG", compress_level=9)
    return out.getvalue()
