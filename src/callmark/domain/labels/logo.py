"""Logos: an uploaded file is judged, decoded and encoded anew, so that only its pixels are kept and served.

Source: contract D35: exactly 200 by 200 pixels, a PNG by its content, smaller than 2 MB (2,097,152 bytes).
"""

import hashlib
import io
import struct

from PIL import Image, ImageDraw, ImageFont

from callmark.kit.errors import InvalidInput

SIDE = 200
TOO_LARGE_BYTES = 2_097_152
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">8s I4s II BB")  # signature; length and name of the first chunk; width, height, depth, colour
_CHUNK = struct.Struct(">I4s")  # length and name
_CHECKSUM_BYTES = 4
_DEEP = 16
_GREY = 0

_UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for a PNG that is cut off, damaged, or larger unpacked than it lets one be."""


def clean_logo(file: bytes) -> bytes:
    """The logo as it is stored: the picture of `file`, encoded anew as 8-bit RGB or RGBA without metadata.

    The same picture gives the same bytes. Raises InvalidInput that says which rule the file breaks.
    """
    depth, colour = _check_header(file)
    if b"acTL" in _chunks(file):
        raise InvalidInput("logo is an animated PNG; a still picture is needed", field="logo")
    try:
        with Image.open(io.BytesIO(file), formats=["PNG"]) as image:
            image.load()
            still = _in_eight_bits(image) if (depth, colour) == (_DEEP, _GREY) else image
            return _encode(still.convert("RGBA" if still.has_transparency_data else "RGB"))
    except _UNREADABLE as exc:
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


def _check_header(file: bytes) -> tuple[int, int]:
    """Depth and colour type, after the rules that need no decoding: a picture of any other size is never unpacked."""
    if len(file) >= TOO_LARGE_BYTES:
        raise InvalidInput(f"logo must be smaller than {TOO_LARGE_BYTES} bytes", field="logo")
    if not file.startswith(_SIGNATURE):
        raise InvalidInput("logo is not a PNG file", field="logo")
    if len(file) < _HEADER.size:
        raise _damaged()
    _, _, first, width, height, depth, colour = _HEADER.unpack_from(file)
    if first != b"IHDR":
        raise _damaged()
    if (width, height) != (SIDE, SIDE):
        raise InvalidInput(f"logo must be {SIDE}x{SIDE} pixels; it is {width}x{height}", field="logo")
    return depth, colour


def _chunks(file: bytes) -> set[bytes]:
    """The kinds of chunks up to the closing one. Raises InvalidInput when the file ends before it."""
    kinds: set[bytes] = set()
    at = len(_SIGNATURE)
    while b"IEND" not in kinds:
        if at + _CHUNK.size > len(file):
            raise _damaged()
        length, kind = _CHUNK.unpack_from(file, at)
        kinds.add(kind)
        at += _CHUNK.size + length + _CHECKSUM_BYTES
    if at > len(file):
        raise _damaged()
    return kinds


def _damaged() -> InvalidInput:
    return InvalidInput("logo is a damaged or incomplete PNG", field="logo")


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey brought to 8 bits by its high byte; Pillow's own conversion would clip it to white."""
    return Image.frombytes("L", image.size, image.tobytes("raw", "I;16B")[::2])


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    bare = Image.frombytes(image.mode, image.size, image.tobytes())  # leaves every kind of metadata behind
    bare.save(out, "PNG", compress_level=9)
    return out.getvalue()
