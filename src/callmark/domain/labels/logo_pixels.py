"""The pixels of logos: decoded, brought to sRGB and encoded again (`logo` has the rules)."""

import io
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFont

from callmark.domain.labels.logo_colours import icc_profile
from callmark.domain.labels.logo_file import DEEP, GREY, DamagedPng, PngParts
from callmark.png_display import colours, orientation

_untyped: Any = ImageCms  # typed in a part only
_SRGB: Any = _untyped.createProfile("sRGB")
_SPACES = {"GRAY": "L", "RGB ": "RGB"}
"""The colour spaces of profiles that a PNG can have, and the mode of the pixels that they speak of."""
_FAINTEST_ALPHA = 16
"""Of 255. What is more transparent everywhere is not seen on any background."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by the orientation of Exif."""


def is_visible(image: Image.Image) -> bool:
    """Whether something of the picture can be seen, whatever its colours: not all of it is transparent."""
    alpha = image.getchannel("A").tobytes() if image.mode == "RGBA" else b"\xff"
    return max(alpha) >= _FAINTEST_ALPHA


def encoded(image: Image.Image) -> bytes:
    """The picture as a PNG without metadata; the same picture gives the same bytes."""
    out = io.BytesIO()
    bare = Image.frombytes(image.mode, image.size, image.tobytes())  # leaves every kind of metadata behind
    bare.save(out, "PNG", compress_level=9)
    return out.getvalue()


def drawn(initial: str, hue: int, side: int) -> bytes:
    """A white initial on a colour (`hue` in degrees); a white disc for one that the built-in typeface lacks."""
    image = Image.new("RGB", (side, side), f"hsl({hue}, 55%, 38%)")
    draw = ImageDraw.Draw(image)
    if initial.isascii() and initial.isalnum():
        draw.text((side / 2, side / 2), initial, fill="white", font=ImageFont.load_default(size=130), anchor="mm")
    else:
        draw.ellipse((50, 50, 150, 150), fill="white")
    return encoded(image)


def decoded(parts: PngParts) -> Image.Image:
    """The pixels as 8-bit RGB or RGBA, in sRGB. Raises whatever a decoder comes upon in a damaged file.

    Transparency is read before colours change.
    """
    image = _load(parts)
    alpha = _alpha(image, parts)
    if parts.colour == GREY:
        image = _in_eight_bits(image) if parts.depth == DEEP else image.convert("L")
    picture = _in_srgb(*_with_profile(_without_alpha(image), parts))
    if alpha is not None:
        picture.putalpha(alpha)
    turn = _TURNS.get(orientation(parts.shown.get(b"eXIf", b"")))
    return picture if turn is None else picture.transpose(turn)


def _with_profile(image: Image.Image, parts: PngParts) -> tuple[Image.Image, bytes | None]:
    """The pixels, and the profile that says what they mean. Raises UnknownColours."""
    if b"cICP" not in parts.shown and parts.profile is not None:
        return image, parts.profile
    meant = colours(parts.shown)
    return (image, None) if meant is None else (image.convert("RGB"), icc_profile(meant))


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
        bands = [(_band(image.size, samples[half::2]), value) for half, value in enumerate(divmod(parts.key[0], 256))]
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


def _band(size: tuple[int, int], samples: bytes) -> Image.Image:
    return Image.frombytes("L", size, samples)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Grey or RGB pixels of a colour profile as sRGB. One that cannot be used is ignored, as PNG has it."""
    if profile is None or _SPACES.get(profile[16:20].decode("latin-1")) != image.mode:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):  # whole, but of another kind or version, or without a curve
        return image.convert("RGB")
    if converted is None:
        raise DamagedPng
    return converted


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey brought to 8 bits by its high byte; Pillow's own conversion would clip it to white."""
    return _band(image.size, image.tobytes("raw", "I;16B")[::2])
