"""Compares the pictures of two PNG files. Their bytes differ in any case, because the server encodes each logo again.

It reads files that can be compared without a colour library: up to 8 bits a channel, the colours of sRGB, upright.
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping

from msgspec import Struct, field

from callmark.client.errors import CallmarkError
from callmark.png_display import SRGB, UPRIGHT, UnknownColours, colours, orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_SIDE = 1024
"""Logos have 200; what is larger is refused by the server and never unpacked here."""
_GREY, _RGB, _INDEXED, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _RGB: 3, _INDEXED: 1, _GREY_ALPHA: 2, _RGBA: 4}
_EIGHT_BITS = 8
_HEADER = struct.Struct(">IIBBBBB")
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4


class _Parts(Struct):
    """The chunks of a PNG that make its picture."""

    width: int = 0
    height: int = 0
    colour: int = 0
    depth: int = 8
    palette: bytes = b""
    transparency: bytes = b""
    packed: list[bytes] = field(default_factory=list[bytes])

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without the one that names its filter."""
        return (self.width * _SAMPLES[self.colour] * self.depth + 7) // 8


def digest(png: bytes) -> str:
    """A picture's content, as the addresses of logos name it."""
    return hashlib.sha256(png).hexdigest()


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether they show the same. Raises CallmarkError for a file that cannot be compared."""
    return one == other or pixels(one) == pixels(other)


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Width, height, and four bytes a pixel: red, green, blue, opacity. Raises CallmarkError."""
    try:
        parts = _parts(png)
        size = parts.height * (1 + parts.row_bytes)
        raw = zlib.decompressobj().decompress(b"".join(parts.packed), size)
        if len(raw) != size:
            raise CallmarkError("it is a damaged or incomplete PNG")
        return parts.width, parts.height, _as_rgba(_unfiltered(raw, parts), parts)
    except (struct.error, zlib.error, IndexError, ValueError) as exc:
        raise CallmarkError("it is a damaged or incomplete PNG") from exc


def _parts(png: bytes) -> _Parts:
    if not png.startswith(SIGNATURE):
        raise CallmarkError("it is not a PNG file")
    parts, at, shown = _Parts(), len(SIGNATURE), dict[bytes, bytes]()
    while at < len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + length]
        at += length + 12
        match name:
            case b"IHDR":
                _read_header(parts, data)
            case b"PLTE":
                parts.palette = data
            case b"tRNS":
                parts.transparency = data
            case b"IDAT":
                parts.packed.append(data)
            case b"IEND":
                break
            case _:
                shown[name] = data
    _check_as_it_is(shown)
    return parts


def _check_as_it_is(shown: Mapping[bytes, bytes]) -> None:
    """That the samples are what is shown, neither turned nor of other colours."""
    if b"iCCP" in shown:
        raise CallmarkError("it has a colour profile, so it cannot be compared; save it as sRGB without one")
    if orientation(shown.get(b"eXIf", b"")) != UPRIGHT:
        raise CallmarkError("its Exif data turn it, so it cannot be compared; save it upright and without them")
    try:
        others = colours(shown)
    except UnknownColours:
        others = SRGB
    if others:
        raise CallmarkError("its colours are not those of sRGB, so it cannot be compared; save it as sRGB")


def _read_header(parts: _Parts, data: bytes) -> None:
    parts.width, parts.height, parts.depth, parts.colour, _, _, interlaced = _HEADER.unpack(data)
    if parts.depth > _EIGHT_BITS or interlaced or parts.colour not in _SAMPLES:
        raise CallmarkError("only an 8-bit PNG that is not interlaced can be compared; save it as one")
    if not (0 < parts.width <= LARGEST_SIDE and 0 < parts.height <= LARGEST_SIDE):
        raise CallmarkError(f"it has {parts.width} by {parts.height} pixels")


def _unfiltered(raw: bytes, parts: _Parts) -> bytes:
    """The samples, a byte each, with every row's prediction (PNG, section 9) undone."""
    step = _SAMPLES[parts.colour]
    width = parts.row_bytes
    above, rows = bytearray(width), bytearray()
    for start in range(0, len(raw), width + 1):
        row = bytearray(raw[start + 1 : start + 1 + width])
        _undo(raw[start], row, above, step)
        rows += row if parts.depth == _EIGHT_BITS else _apart(row, parts)
        above = row
    return bytes(rows)


def _apart(row: bytearray, parts: _Parts) -> bytes:
    """Samples that share bytes, grey ones spread over the whole range."""
    each, mask = 8 // parts.depth, (1 << parts.depth) - 1
    scale = 1 if parts.colour == _INDEXED else 255 // mask
    places = range(parts.width)
    return bytes((row[at // each] >> (8 - parts.depth * (at % each + 1)) & mask) * scale for at in places)


def _undo(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    match kind:
        case 0:
            return
        case k if k == _SUB:
            for at in range(step, len(row)):
                row[at] = (row[at] + row[at - step]) & 255
        case k if k == _UP:
            for at, upper in enumerate(above):
                row[at] = (row[at] + upper) & 255
        case k if k == _AVERAGE:
            for at, upper in enumerate(above):
                left = row[at - step] if at >= step else 0
                row[at] = (row[at] + (left + upper) // 2) & 255
        case k if k == _PAETH:
            for at, upper in enumerate(above):
                left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
                row[at] = (row[at] + _paeth(left, upper, corner)) & 255
        case _:
            raise CallmarkError("it is a damaged or incomplete PNG")


def _paeth(left: int, upper: int, corner: int) -> int:
    to_left, to_upper, to_corner = abs(upper - corner), abs(left - corner), abs(left + upper - 2 * corner)
    if to_left <= to_upper and to_left <= to_corner:
        return left
    return upper if to_upper <= to_corner else corner


def _as_rgba(samples: bytes, parts: _Parts) -> bytes:
    out = bytearray(b"\xff" * (parts.width * parts.height * 4))
    step = _SAMPLES[parts.colour]
    if parts.colour == _INDEXED:
        palette, opacity = parts.palette, parts.transparency
        for band in range(3):
            table = bytes(palette[index * 3 + band] if index * 3 + band < len(palette) else 0 for index in range(256))
            out[band::4] = samples.translate(table)
        out[3::4] = samples.translate(opacity + b"\xff" * (256 - len(opacity)))
        return bytes(out)
    is_grey = parts.colour in (_GREY, _GREY_ALPHA)  # one sample for all three
    for band in range(3):
        out[band::4] = samples[(0 if is_grey else band) :: step]
    if parts.colour in (_GREY_ALPHA, _RGBA):
        out[3::4] = samples[step - 1 :: step]
    elif parts.transparency:
        scale = 255 // ((1 << parts.depth) - 1)
        _clear(out, bytes(sample * scale for sample in parts.transparency[1::2]))
    return bytes(out)


def _clear(out: bytearray, key: bytes) -> None:
    """Makes the pixels of the one colour transparent that a picture names as such."""
    colour = key * 3 if len(key) == 1 else key
    for at in range(0, len(out), 4):
        if bytes(out[at : at + 3]) == colour:
            out[at + 3] = 0
